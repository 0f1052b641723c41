package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Spawns in batches, each waited for before the next.
func spawner(n int, yield bool) {
	var group sync.WaitGroup
	done := make([]byte, batch)
	joins := make([]chan struct{}, batch)
	for i := 0; i < n/batch; i++ {
		for k := range done {
			done[k] = 0
		}
		switch {
		case shape == "join":
			for k := 0; k < batch; k++ {
				joined := make(chan struct{})
				joins[k] = joined
				go func(k int) {
					done[k]++
					close(joined)
				}(k)
			}
			for _, joined := range joins {
				<-joined
			}
		default:
			for k := 0; k < batch; k++ {
				group.Add(1)
				go func(k int) {
					done[k]++
					if yield {
						runtime.Gosched()
					}
					group.Done()
				}(k)
			}
			group.Wait()
		}
		for _, d := range done {
			check(d == 1, "a task")
		}
	}
}

// Two that spawn into one group: a batch is over when both of theirs are.
func shared(n int) {
	var group, both sync.WaitGroup
	for i := 0; i < n/batch/2; i++ {
		both.Add(2)
		group.Add(2 * batch)
		for s := 0; s < 2; s++ {
			go func() {
				for k := 0; k < batch; k++ {
					go group.Done()
				}
				both.Done()
			}()
		}
		both.Wait()
		group.Wait()
	}
}

func spawn(yield bool) {
	spawner(batch, yield)
	begun := time.Now()
	switch shape {
	case "join", "wait", "spawner":
		spawner(n, yield)
	case "own":
		var group sync.WaitGroup
		group.Add(2)
		for s := 0; s < 2; s++ {
			go func() {
				spawner(n/2, yield)
				group.Done()
			}()
		}
		group.Wait()
	case "one":
		shared(n)
	default:
		fail(2, "shape=%s: there is no such shape", shape)
	}
	each("ns_task", begun, n)
}

func w1b() { spawn(false) }
func w1y() { spawn(true) }

func w1a() {
	var group sync.WaitGroup
	done := make([]byte, n)
	begun := time.Now()
	group.Add(n)
	for i := 0; i < n; i++ {
		go func(i int) {
			done[i]++
			group.Done()
		}(i)
	}
	group.Wait()
	each("ns_task", begun, n)
	for _, d := range done {
		check(d == 1, "a task")
	}
}

func w2y() {
	var group sync.WaitGroup
	begun := time.Now()
	group.Add(2)
	for s := 0; s < 2; s++ {
		go func() {
			for i := 0; i < n/2; i++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
	each("ns_switch", begun, n)
}

func w2c() {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for item := range there {
			back <- item + 1
		}
	}()
	item := 0
	begun := time.Now()
	for i := 0; i < n/2; i++ {
		there <- item
		item = <-back
	}
	each("ns_hop", begun, n)
	check(item == n/2, "a hop")
	close(there)
}

func status(field string) float64 {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		fail(1, "%v", err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, rest, _ := strings.Cut(lines.Text(), ":"); name == field {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kb) * 1024
		}
	}
	return 0
}

// Parks n tasks by start(), which returns when all have begun.
func parked(start func()) {
	runtime.GC()
	rss, tables := status("VmRSS"), status("VmPTE")
	begun := time.Now()
	start()
	each("create_ns", begun, n)
	rss, tables = status("VmRSS")-rss, status("VmPTE")-tables
	out["bytes_task"] = (rss + tables) / float64(n)
	out["pt_bytes_task"] = tables / float64(n)
}

func w3() {
	parked(func() {
		var begun sync.WaitGroup
		never := make(chan struct{})
		begun.Add(n)
		for i := 0; i < n; i++ {
			go func() {
				begun.Done()
				<-never
			}()
		}
		begun.Wait()
	})
}

func w4() {
	var begun, ended sync.WaitGroup
	root, cancel := context.WithCancel(context.Background())
	begun.Add(n)
	ended.Add(n)
	for g := 0; g < n/100; g++ {
		group, stop := context.WithCancel(root)
		defer stop()
		for i := 0; i < 100; i++ {
			go func() {
				begun.Done()
				<-group.Done()
				ended.Done()
			}()
		}
	}
	begun.Wait()
	time.Sleep(10 * time.Millisecond)
	start := time.Now()
	cancel()
	ended.Wait()
	out["cancel_ms"] = float64(time.Since(start).Nanoseconds()) / 1e6
}

func sleeps() {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go func(ms int) {
			time.Sleep(time.Duration(ms) * time.Millisecond)
			group.Done()
		}(i * 7919 % 1000)
	}
	group.Wait()
}

func w8() {
	if warm != 0 {
		sleeps()
	}
	used, begun := cpu(), time.Now()
	sleeps()
	out["cpu_s"] = (cpu() - used).Seconds()
	out["wall_s"] = time.Since(begun).Seconds()
}

func w9() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail(1, "%v", err)
	}
	used := cpu()
	fmt.Printf("{\"port\":%d}\n", listener.Addr().(*net.TCPAddr).Port)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for {
					got, err := c.Read(buf)
					if err != nil {
						return
					}
					if _, err = c.Write(buf[:got]); err != nil {
						return
					}
				}
			}()
		}
	}()
	io.Copy(io.Discard, os.Stdin)
	out["cpu_s"] = (cpu() - used).Seconds()
}

// A goroutine that fails at once is started again when it has ended, be it by a panic.
func respawn(n int) {
	runs := 0
	ended := make(chan error)
	attempt := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("%v", r)
			}
		}()
		runs++
		return io.ErrUnexpectedEOF
	}
	for i := 0; i < n; i++ {
		go func() { ended <- attempt() }()
		check(<-ended != nil, "a failure")
	}
	check(runs == n, "an attempt")
}

func w7() {
	respawn(n / 10)
	begun := time.Now()
	respawn(n)
	each("ns_restart", begun, n)
}
