# Builds the peers, each as its own documents say: make -f bench/peers/peers.mk BUILD=DIR all
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
BUILD ?= build
OUT := $(abspath $(BUILD))/peers
HERE := bench/peers
C := gcc -std=c11 -D_GNU_SOURCE -O2 -Wall -Wextra
CXX := g++ -std=c++17 -O2 -DNDEBUG -Wall -Wextra
# The packaged crates are for the packaged compiler, whatever else is in PATH.
CARGO := RUSTC=/usr/bin/rustc /usr/bin/cargo
HEADER := $(HERE)/c/peer.h

all: $(addprefix $(OUT)/,boost posix uv epoll client floor bench.beam) tokio go

flags:
	@echo "$(firstword $(C)) -O2, $(firstword $(CXX)) -O2 -DNDEBUG, cargo --release, go build"

$(OUT):
	@mkdir -p $@

$(OUT)/boost: $(HERE)/boost/main.cpp $(HEADER) | $(OUT)
	$(CXX) -o $@ $< -lboost_fiber -lboost_context -pthread

$(OUT)/posix: $(HERE)/c/posix.c $(HEADER) | $(OUT)
	$(C) -o $@ $< -pthread

$(OUT)/uv: $(HERE)/c/uv.c $(HEADER) | $(OUT)
	$(C) -o $@ $< -luv

$(OUT)/epoll: $(HERE)/c/epoll.c $(HEADER) | $(OUT)
	$(C) -o $@ $<

$(OUT)/client $(OUT)/floor: $(OUT)/%: $(HERE)/c/%.c $(HEADER) | $(OUT)
	$(C) -o $@ $<

$(OUT)/bench.beam: $(HERE)/erlang/bench.erl | $(OUT)
	erlc -o $(OUT) $<

# Their tools know what is up to date.
tokio: | $(OUT)
	@cd $(HERE)/tokio && $(CARGO) build --quiet --release --offline --target-dir $(OUT)/tokio

go: | $(OUT)
	@cd $(HERE)/go && GOFLAGS=-mod=mod go build -o $(OUT)/go .

.PHONY: all flags tokio go
