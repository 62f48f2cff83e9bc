// Command fasthttp is a minimal fasthttp server on SO_REUSEPORT sockets: one
// listener and one fasthttp.Server per worker, and the same response to every
// request. The benchmark compares the product with it.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/valyala/fasthttp"
	"golang.org/x/sys/unix"
)

func main() {
	address := flag.String("address", "", "`host:port` to listen on")
	listeners := flag.Int("listeners", 1, "`number` of sockets")
	body := flag.String("body", "", "`text` of every response")
	flag.Parse()
	if err := serve(*address, *listeners, []byte(*body)); err != nil {
		fmt.Fprintln(os.Stderr, "fasthttp:", err)
		os.Exit(1)
	}
}

// serve returns only if a listener fails.
func serve(address string, listeners int, body []byte) error {
	config := net.ListenConfig{Control: reusePort}
	config.SetMultipathTCP(false)
	failed := make(chan error, listeners)
	for range listeners {
		ln, err := config.Listen(context.Background(), "tcp", address)
		if err != nil {
			return err
		}
		server := &fasthttp.Server{Handler: func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("application/json")
			ctx.SetBody(body)
		}}
		go func() { failed <- server.Serve(ln) }()
	}
	return <-failed
}

func reusePort(_, _ string, raw syscall.RawConn) error {
	var failed error
	err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	if err != nil {
		return err
	}
	return failed
}
