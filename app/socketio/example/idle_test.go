package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestIdleSocketsHaveNoGoroutine checks that idle WebSockets and Socket.IO
// clients need no goroutine, also after traffic. It is not parallel: it counts
// the goroutines of the process.
func TestIdleSocketsHaveNoGoroutine(t *testing.T) {
	addr := startServer(t)
	const sockets = 200
	var all []*rawClient
	connect := func() {
		var plain, clients []*rawClient
		for range sockets {
			plain = append(plain, dialRaw(t, addr, "/echo"))
			clients = append(clients, dialRaw(t, addr, "/socket.io/?EIO=4&transport=websocket"))
		}
		for i := range sockets {
			plain[i].send(frame{finBit | opText, "once"}.wire())
			clients[i].send(frame{finBit | opText, "40"}.wire())
		}
		for i := range sockets {
			plain[i].expect(frame{finBit | opText, "once"})
			for _, want := range []string{"0{", "40{", `42["auth"`} {
				if got, err := clients[i].read(); err != nil || !strings.HasPrefix(got.payload, want) {
					t.Fatalf("got %v, %v; want %s…", got, err, want)
				}
			}
			all = append(all, plain[i], clients[i])
		}
	}
	before := runtime.NumGoroutine()
	connect()
	connect()
	const most = sockets // fixed goroutines, and idle ones in the pool of the loop
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(testTimeout); runtime.NumGoroutine() > before+most; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d with %d sockets", before, runtime.NumGoroutine(), 4*sockets)
		}
	}
	for i, p := range all { // all still work
		if f := (frame{finBit | opText, fmt.Sprint(i)}); i%2 == 0 {
			p.send(f.wire())
			p.expect(f)
		}
	}
}
