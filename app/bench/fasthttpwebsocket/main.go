// Command fasthttpwebsocket is a small WebSocket server in the usual style of
// fasthttp/websocket: a goroutine per connection, a mutex per writer, and one map
// with the members of the room. The benchmark compares the product with it.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"syscall"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

func main() {
	address := flag.String("address", "", "`host:port` to listen on")
	flag.Parse()
	go reportHeap()
	r := &room{members: make(map[*member]bool)}
	if err := fasthttp.ListenAndServe(*address, r.serve); err != nil {
		fmt.Fprintln(os.Stderr, "fasthttpwebsocket:", err)
		os.Exit(1)
	}
}

// reportHeap prints the size of the live heap on each SIGUSR2.
func reportHeap() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	for range signals {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		fmt.Fprintf(os.Stdout, "heap %d\n", stats.HeapAlloc)
	}
}

type room struct {
	mu      sync.RWMutex
	members map[*member]bool
}

type member struct {
	mu sync.Mutex // one writer at a time
	c  *websocket.Conn
}

func (r *room) serve(ctx *fasthttp.RequestCtx) {
	path := string(ctx.Path())
	if path == "/" {
		ctx.SetBodyString("ok")
		return
	}
	u := websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}
	err := u.Upgrade(ctx, func(c *websocket.Conn) {
		defer c.NetConn().Close()
		m := &member{c: c}
		handle := m.echo
		switch path {
		case "/room":
			r.join(m)
			defer r.leave(m)
			if err := m.echo(websocket.TextMessage, []byte("joined")); err != nil {
				return
			}
		case "/publish":
			handle = r.publish
		}
		for {
			kind, data, err := c.ReadMessage()
			if err == nil {
				err = handle(kind, data)
			}
			if err != nil {
				return
			}
		}
	})
	if err != nil && !errors.As(err, &websocket.HandshakeError{}) {
		fmt.Fprintln(os.Stderr, "fasthttpwebsocket:", err)
	}
}

func (m *member) echo(kind int, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.c.WriteMessage(kind, data)
}

func (r *room) join(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[m] = true
}

func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.members, m)
}

// publish writes a message, encoded once, to all members.
func (r *room) publish(kind int, data []byte) error {
	message, err := websocket.NewPreparedMessage(kind, data)
	if err != nil {
		return err
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	for m := range r.members {
		m.mu.Lock()
		_ = m.c.WritePreparedMessage(message) // a closed member removes itself
		m.mu.Unlock()
	}
	return nil
}
