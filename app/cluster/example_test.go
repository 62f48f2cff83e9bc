package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// Serve is enough for a small program: it runs until ctx ends and finishes the
// requests in flight.
func ExampleServe() {
	// In a program: signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM).
	ctx, stop := context.WithCancel(context.Background())
	handler := func(ctx *fasthttp.RequestCtx) { ctx.SetBodyString("served") }

	err := cluster.Serve(ctx, "127.0.0.1:0", handler,
		cluster.WithWorkers(2),
		cluster.WithLogger(slog.New(slog.DiscardHandler)),
		cluster.WithReady(func(addr net.Addr) {
			fmt.Println(get("http://" + addr.String()))
			stop()
		}),
		cluster.WithShutdown(func(context.Context) error {
			fmt.Println("shutting down")
			return nil
		}))
	fmt.Println("ended:", err)
	// Output:
	// 200 served
	// shutting down
	// ended: <nil>
}

// A Supervisor can be observed, scaled and reloaded. The handler has a bug,
// which costs only the request that triggers it.
func ExampleSupervisor() {
	log := slog.New(slog.DiscardHandler)
	sup, err := cluster.New(cluster.Options{
		Host:    "127.0.0.1", // port 0 lets the kernel choose
		Workers: 2,
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/bug" {
				panic("index out of range")
			}
			ctx.SetBodyString("served")
		},
		Observe: func(e cluster.Event) {
			switch e := e.(type) {
			case cluster.PanicContained: // count it, for instance
				fmt.Printf("%s in %s: %v\n", cluster.Message(e), e.Place, e.Value)
			case cluster.WorkersScaled: // or log any event in one line
				log.LogAttrs(context.Background(), cluster.Level(e), cluster.Message(e), slog.Any("", e)) //nolint:sloglint // constant per type
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = sup.Close() }() // has an effect only if Run is not reached
	// Listen is optional. It reports a port in use before a program does
	// anything else.
	if err := sup.Listen(context.Background()); err != nil {
		fmt.Println(err)
		return
	}

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- sup.Run(ctx) }()
	<-sup.Ready()

	for _, path := range []string{"/", "/bug", "/"} {
		fmt.Println(path, get("http://"+sup.Addr().String()+path))
	}
	if now, capped, err := sup.Scale(1); err == nil {
		fmt.Printf("scaled to %d, capped: %v\n", now, capped)
	}
	if recycled, err := sup.Reload(); err == nil {
		fmt.Println("recycled by reload:", recycled)
	}

	stop()
	fmt.Println("ended:", <-ended)
	// Output:
	// / 200 served
	// panic contained in handler: index out of range
	// /bug 500 Internal Server Error
	// / 200 served
	// scaled to 1, capped: false
	// recycled by reload: 1
	// ended: <nil>
}

// StreamBody writes a response while it is produced. If the function fails or
// panics, the client sees a truncated body, not a complete one.
func ExampleStreamBody() {
	ctx, stop := context.WithCancel(context.Background())
	handler := func(ctx *fasthttp.RequestCtx) {
		cluster.StreamBody(ctx, func(w *bufio.Writer) error {
			for i := range 3 {
				if _, err := fmt.Fprintf(w, "row %d\n", i); err != nil {
					return err // the client has disconnected
				}
			}
			return nil
		})
	}
	err := cluster.Serve(ctx, "127.0.0.1:0", handler, cluster.WithReady(func(addr net.Addr) {
		fmt.Println(get("http://" + addr.String()))
		stop()
	}))
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 200 row 0
	// row 1
	// row 2
}

// get requests a URL on a new connection and returns the status and the body.
func get(url string) string {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(body)))
}
