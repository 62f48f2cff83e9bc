package cluster_test

import (
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"smart-factory-backend/app/cluster"
)

// TestRecyclesLeakNothing checks the number of goroutines, descriptors and
// connections, and the heap, after a thousand recycles. It is not parallel
// because it counts for the whole process.
func TestRecyclesLeakNothing(t *testing.T) {
	r := start(t, cluster.Options{Handler: faultHandler(nil), Restart: cluster.Restart{MinUptime: time.Microsecond, MaxRestarts: 10_000}})
	round := func(recycles int) {
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for i := range 4 {
			c := &client{addr: r.addr, closeEach: i%2 == 0}
			wg.Go(func() {
				defer c.close()
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					wantOK(t, c)
					if n%16 == 0 {
						c.close() // without Connection: close
					}
				}
			})
		}
		for range recycles {
			if _, err := r.Reload(); err != nil {
				t.Fatalf("Reload() = %v", err)
			}
			mustGet(t, r.addr, "/panic")
			mustGet(t, r.addr, "/goexit")
			mustGet(t, r.addr, "/kill")
		}
		close(stop)
		wg.Wait()
		eventually(t, "end of the draining generations", func() bool {
			st := r.status()
			return st.DrainingGenerations == 0 && st.Conns == 0 && st.Sessions == 0
		})
	}

	round(20) // fills pools and caches
	r.events.reset()
	before := measureResources()
	round(shortened(250)) // of four workers each, and more through the faults
	eventually(t, "descriptors closed", func() bool { return openDescriptors() <= before.descriptors })
	eventually(t, "goroutines ended", func() bool {
		return runtime.NumGoroutine() <= before.goroutines+idleGoroutineTolerance
	})
	r.events.reset()
	after := measureResources()
	if grown := int64(after.heap) - int64(before.heap); grown > 512<<10 {
		t.Errorf("the heap grew by %d KiB (from %d)", grown>>10, before.heap>>10)
	}
	generations := 0
	for _, w := range r.status().Workers {
		generations += w.Generation
	}
	t.Logf("before %+v, after %+v, %d generations", before, after, generations)
	if err := r.stop(); err != nil {
		t.Errorf("Run() = %v, want nil", err)
	}
	if n := cluster.CountedAddresses(r.Supervisor); n != 0 {
		t.Errorf("%d addresses are still counted after the end", n)
	}
}

// idleGoroutineTolerance is by how many the goroutines may differ: the pool
// keeps some.
const idleGoroutineTolerance = 16

type resourceUse struct {
	goroutines, descriptors int
	heap                    uint64
}

func measureResources() resourceUse {
	var m runtime.MemStats
	for range 3 { // sync.Pool needs two to be emptied
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return resourceUse{goroutines: runtime.NumGoroutine(), descriptors: openDescriptors(), heap: m.HeapAlloc}
}

// openDescriptors counts the open files of the process.
func openDescriptors() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}
