package cluster

import (
	"bufio"
	"io"

	"github.com/valyala/fasthttp"
)

const streamBuffer = 32 << 10

// StreamBody sends the response body that write produces, with chunked
// encoding. write runs in a goroutine of its own, which the supervisor waits
// for. Its writer returns an error once the client has disconnected. If write
// returns an error, panics or ends its goroutine, the connection is closed
// before the last chunk, so that the client can't mistake the body for a
// complete one. write must not use ctx.
func StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error) {
	c := connOf(ctx)
	r, pipe := io.Pipe()
	ctx.SetBodyStream(r, -1)
	run := func() {
		err := errStreamIncomplete
		defer func() { _ = pipe.CloseWithError(err) }()
		returned := false
		if c != nil {
			defer c.worker.sup.streams.Done()
			defer c.worker.guard(placeStream, &returned, nil)
		}
		w := bufio.NewWriterSize(pipe, streamBuffer)
		if err = write(w); err == nil {
			err = w.Flush()
		}
		returned = true
	}
	if c != nil {
		c.worker.sup.streams.Add(1)
	}
	go run() // its writes fail once fasthttp has closed r, after the response
}
