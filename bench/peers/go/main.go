// Go as a peer: PROGRAM PEER CASE key=value... runs one case once and prints a
// line of JSON. Exit 3: there is no such case.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const batch = 1000

// What was asked for, and the figures.
var (
	n       int
	workers = 1
	shape   = "wait"
	sub     int
	warm    int
	out     = map[string]any{}
)

func fail(code int, format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(code)
}

func check(holds bool, what string) {
	if !holds {
		fail(1, "not all work was done: %s", what)
	}
}

func cpu() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func each(what string, since time.Time, count int) {
	out[what] = float64(time.Since(since).Nanoseconds()) / float64(count)
}

func option(arg string) {
	key, value, _ := strings.Cut(arg, "=")
	number, err := strconv.Atoi(value)
	switch {
	case key == "shape":
		shape = value
		out["shape"] = value
		return
	case err != nil:
	case key == "n":
		n = number
		return
	case key == "workers":
		workers = number
		return
	case key == "sub":
		sub = number
		out[key] = number
		return
	case key == "warm":
		warm = number
		out[key] = number
		return
	}
	fail(2, "%s: not a key=value that is known", arg)
}

type benchmark struct {
	n   int
	run func()
}

func main() {
	cases := map[string]benchmark{
		"go w1b": {1000000, w1b}, "go w1y": {1000000, w1y}, "go w1a": {1000000, w1a},
		"go w2y": {5000000, w2y}, "go w2c": {1000000, w2c}, "go w3": {1000000, w3},
		"go w4": {100000, w4}, "go w7": {1000000, w7}, "go w8": {1000000, w8}, "go w9": {1, w9},
		"go-reg w1b": {1000000, regSpawn}, "go-reg w3": {1000000, regPark},
		"go-reg w4": {100000, regCancel}, "go-reg w5": {500000, regSpawn},
		"go-reg w6": {100000, regSnapshot},
	}
	if len(os.Args) < 3 {
		os.Exit(3)
	}
	c, ok := cases[os.Args[1]+" "+os.Args[2]]
	if !ok {
		os.Exit(3)
	}
	n = c.n
	for _, arg := range os.Args[3:] {
		option(arg)
	}
	runtime.GOMAXPROCS(workers)
	c.run()
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	out["case"], out["peer"], out["version"] = os.Args[2], os.Args[1], runtime.Version()
	out["workers"], out["n"], out["rss_kb"] = workers, n, u.Maxrss
	line, _ := json.Marshal(out)
	fmt.Println(string(line))
}
