package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A registry as a daemon in Go has one: a map behind a lock, a context for each
// task, and events that are dropped, and counted, where nobody reads them.
type entry struct {
	path    string
	cancel  context.CancelFunc
	started time.Time
}

type event struct {
	path string
	end  bool
	at   time.Time
}

type registry struct {
	lock    sync.RWMutex
	entries map[string]*entry
	events  chan event
	lost    atomic.Uint64
	group   sync.WaitGroup
}

func newRegistry() *registry {
	return &registry{entries: map[string]*entry{}, events: make(chan event, 16384)}
}

func (r *registry) emit(path string, end bool) {
	select {
	case r.events <- event{path, end, time.Now()}:
	default:
		r.lost.Add(1)
	}
}

func (r *registry) spawn(parent context.Context, path string, run func(context.Context)) {
	ctx, cancel := context.WithCancel(parent)
	r.group.Add(1)
	r.lock.Lock()
	r.entries[path] = &entry{path, cancel, time.Now()}
	r.lock.Unlock()
	r.emit(path, false)
	go func() {
		run(ctx)
		cancel()
		r.lock.Lock()
		delete(r.entries, path)
		r.lock.Unlock()
		r.emit(path, true)
		r.group.Done()
	}()
}

func (r *registry) snapshot() []string {
	r.lock.RLock()
	defer r.lock.RUnlock()
	rows := make([]string, 0, len(r.entries))
	for _, e := range r.entries {
		rows = append(rows, strings.Clone(e.path))
	}
	return rows
}

func (r *registry) live(prefix string) (count int) {
	r.lock.RLock()
	defer r.lock.RUnlock()
	for path := range r.entries {
		if strings.HasPrefix(path, prefix) {
			count++
		}
	}
	return
}

func regSpawn() {
	r := newRegistry()
	seen := 0
	over := make(chan struct{})
	if sub != 0 {
		go func() {
			for range r.events {
				seen++
			}
			close(over)
		}()
	}
	var ran atomic.Int64
	paths := make([]string, batch)
	for k := range paths {
		paths[k] = fmt.Sprintf("bench/group/w%d", k)
	}
	begun := time.Now()
	for i := 0; i < n/batch; i++ {
		for _, path := range paths {
			r.spawn(context.Background(), path, func(context.Context) { ran.Add(1) })
		}
		r.group.Wait()
	}
	each("ns_task", begun, n)
	check(ran.Load() == int64(n/batch*batch), "a task")
	if sub != 0 {
		close(r.events)
		<-over
		out["events_seen"], out["events_lost"] = seen, r.lost.Load()
	}
}

// Spawns n tasks that park, in groups of 100; returns when all have begun.
func (r *registry) fill(root context.Context) {
	var begun sync.WaitGroup
	begun.Add(n)
	for g := 0; g < n/100; g++ {
		group, cancel := context.WithCancel(root)
		_ = cancel
		for i := 0; i < 100; i++ {
			r.spawn(group, fmt.Sprintf("bench/group-%d/worker-%d", g, i), func(ctx context.Context) {
				begun.Done()
				<-ctx.Done()
			})
		}
	}
	begun.Wait()
}

func regPark() {
	r := newRegistry()
	parked(func() { r.fill(context.Background()) })
}

func regCancel() {
	r := newRegistry()
	root, cancel := context.WithCancel(context.Background())
	r.fill(root)
	time.Sleep(10 * time.Millisecond)
	begun := time.Now()
	cancel()
	r.group.Wait()
	out["cancel_ms"] = float64(time.Since(begun).Nanoseconds()) / 1e6
}

// How many ms the first take was, and the median of those after it.
func takes(take func()) (first, median float64) {
	const count = 11
	var ms []float64
	for i := 0; i <= count; i++ {
		begun := time.Now()
		take()
		ms = append(ms, float64(time.Since(begun).Nanoseconds())/1e6)
	}
	sort.Float64s(ms[1:])
	return ms[0], ms[1+count/2]
}

func regSnapshot() {
	r := newRegistry()
	r.fill(context.Background())
	first, median := takes(func() { check(len(r.snapshot()) == n, "a row") })
	out["first_ms"], out["snapshot_ms"] = first, median
	_, median = takes(func() { check(r.live("bench/group-0/") == 100, "a count") })
	out["prefix_us"] = median * 1e3
}
