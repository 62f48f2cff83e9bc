package cluster_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// A server with two workers and a handler that has a bug. The bug costs the
// request that meets it; everybody else, and the connection that was there
// before, is served on.
func Example() {
	sup, err := cluster.New(cluster.Options{
		Host:    "127.0.0.1", // and port 0, which lets the kernel choose one
		Workers: 2,
		Handler: func(ctx *fasthttp.RequestCtx) {
			if string(ctx.Path()) == "/bug" {
				panic("index out of patience")
			}
			ctx.SetBodyString("served")
		},
		// The package neither logs nor counts. This is where a program does.
		Observe: func(e cluster.Event) {
			if e, ok := e.(cluster.PanicContained); ok {
				fmt.Printf("event: %s in %s: %v\n", e.Message(), e.Place, e.Value)
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	// Listen on its own is optional. It tells of a taken port before the rest
	// of a program is set up.
	if err := sup.Listen(context.Background()); err != nil {
		fmt.Println(err)
		return
	}

	// In a program: signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM).
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- sup.Run(ctx) }()
	<-sup.Ready()

	for _, path := range []string{"/", "/bug", "/"} {
		status, body := ask("http://" + sup.Addr().String() + path)
		fmt.Println(path, status, body)
	}
	if now, capped, err := sup.Scale(1); err == nil {
		fmt.Printf("scaled to %d, capped: %v\n", now, capped)
	}
	if recycled, err := sup.Reload(); err == nil {
		fmt.Println("recycled by reload:", recycled)
	}

	stop() // requests in flight are finished, nobody is reset
	fmt.Println("ended:", <-ended)
	// Output:
	// / 200 served
	// event: panic contained in handler: index out of patience
	// /bug 500 Internal Server Error
	// / 200 served
	// scaled to 1, capped: false
	// recycled by reload: 1
	// ended: <nil>
}

// A response that is written as it comes about. If write fails or panics half
// way, the client sees a body that is cut, not one that looks complete.
func ExampleStreamBody() {
	sup, err := cluster.New(cluster.Options{
		Host: "127.0.0.1",
		Handler: func(ctx *fasthttp.RequestCtx) {
			cluster.StreamBody(ctx, func(w *bufio.Writer) error {
				for i := range 3 {
					if _, err := fmt.Fprintf(w, "row %d\n", i); err != nil {
						return err // the client is gone
					}
				}
				return nil
			})
		},
	})
	if err == nil {
		err = sup.Listen(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- sup.Run(ctx) }()

	_, body := ask("http://" + sup.Addr().String())
	fmt.Println(body)
	stop()
	if err := <-ended; err != nil {
		fmt.Println(err)
	}
	// Output:
	// row 0
	// row 1
	// row 2
}

// ask gets a URL on a connection of its own.
func ask(url string) (status int, body string) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSpace(string(b))
}
