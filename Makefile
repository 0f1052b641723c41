# A thin interface over meson and ninja.
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
BUILD ?= build
PREFIX ?= /usr/local
DEPS = ./tools/deps.sh
# meson lists the files of a folder when it configures: a folder that has changed
# since then is configured again. With /., as some are called like a target.
FOLDERS := $(shell find src/. cli/. guard/. examples/. bench/. test/. doc/man/. -type d 2>/dev/null)

all: deps-build $(BUILD)/build.ninja
	@ninja --quiet -C $(BUILD)

$(BUILD)/build.ninja: $(FOLDERS) | deps-build
	@log=$$(meson setup $(BUILD) --prefix=$(PREFIX) $(if $(wildcard $@),--reconfigure) 2>&1) || \
		{ echo "$$log" | tail -n 20; exit 1; }
	@touch $@

# The tests are configured where Check is installed; from here on it must be.
$(BUILD)/with-tests: deps-test | $(BUILD)/build.ninja
	@[ -e $@ ] || { meson configure $(BUILD) -Dtests=enabled && touch $@; }

deps:
	@$(DEPS) build test check bench

deps-%:
	@$(DEPS) $*

demo: all
	@TEND=$(BUILD)/tend BUILD=$(BUILD) ./examples/demo.sh

# T=NAME runs some of them, ARGS=--times says how long each took.
test: deps-build $(BUILD)/with-tests
	@BUILD=$(BUILD) ./tools/test.py $(ARGS) $(T)

# ARGS=--full has the long counts, and takes some hours.
check: deps-build deps-test deps-check
	@BUILD=$(BUILD) ./tools/check.sh $(ARGS)

# ARGS=--quick takes some minutes; ARGS=--help says what else there is.
bench: deps-bench all
	@BUILD=$(BUILD) ./bench/run.py $(ARGS)

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)

.PHONY: all deps demo test check bench install clean
