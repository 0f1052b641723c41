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
	@echo "tend: building all of it into $(BUILD)/"
	@ninja --quiet -C $(BUILD)

$(BUILD)/build.ninja: $(FOLDERS) | deps-build
	@echo "tend: configuring $(BUILD)/"
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

demo: deps-build $(BUILD)/build.ninja
	@echo "tend: building the tool and the examples into $(BUILD)/; the first time takes a minute"
	@ninja --quiet -C $(BUILD) demo
	@TEND=$(BUILD)/tend BUILD=$(BUILD) ./examples/demo.sh

# T=NAME runs some of them, ARGS=--times says how long each took.
test: deps-build $(BUILD)/with-tests
	@BUILD=$(BUILD) ./tools/test.py $(ARGS) $(T)

# ARGS=--full has the long counts, and takes some hours.
check: deps-build deps-test deps-check
	@BUILD=$(BUILD) ./tools/check.sh $(ARGS)

# ARGS=--quick takes some minutes; ARGS=--help says what else there is.
bench: deps-bench all
	@ninja --quiet -C $(BUILD) bench
	@BUILD=$(BUILD) ./bench/run.py $(ARGS)

# A PREFIX that is given goes before the one that the build was configured with.
prefix: $(BUILD)/build.ninja
	@$(if $(filter-out file,$(origin PREFIX)),meson configure $(BUILD) -Dprefix=$(abspath $(PREFIX)) && \
		ninja --quiet -C $(BUILD) build.ninja >/dev/null)

# Only what is installed is built, also where the tests are configured.
install: deps-build prefix
	@echo "tend: building what is installed into $(BUILD)/"
	@ninja --quiet -C $(BUILD) installed
	@meson install --quiet --no-rebuild -C $(BUILD)

uninstall: prefix
	@BUILD=$(BUILD) ./tools/uninstall.py

clean:
	rm -rf $(BUILD)

.PHONY: all deps demo test check bench prefix install uninstall clean
