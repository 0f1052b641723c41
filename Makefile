# A thin interface over meson and ninja.
BUILD ?= build
DEPS = ./tools/deps.sh

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

$(BUILD)/build.ninja:
	@$(DEPS) build test
	@meson setup $(BUILD) >/dev/null

deps:
	@$(DEPS) build test check

demo: all
	@TEND=$(BUILD)/tend BUILD=$(BUILD) ./examples/demo.sh

test: all
	@$(DEPS) test
	@meson test -C $(BUILD) --print-errorlogs

check:
	@$(DEPS) build test check
	@./tools/check.sh

bench: all
	@./bench/run.sh

install: all
	@meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)

.PHONY: all deps demo test check bench install clean
