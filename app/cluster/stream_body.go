package cluster

import (
	"bufio"
	"errors"
	"io"
	"sync"

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
	worker := workerOf(ctx)
	r, pipe := io.Pipe()
	ctx.SetBodyStream(streamReader{r}, -1)
	run := func() {
		err := errStreamIncomplete
		defer func() { _ = pipe.CloseWithError(err) }()
		if worker != nil {
			defer worker.sup.streams.Done()
		}
		worker.guard(placeStream, func() {
			w := bufio.NewWriterSize(pipe, streamBuffer)
			if err = write(w); err == nil {
				err = w.Flush()
			}
		}, nil)
	}
	if worker != nil {
		worker.sup.streams.Add(1)
	}
	go run() // its writes fail once fasthttp has closed r, after the response
}

// streamReader is the end of the pipe that fasthttp reads. Read by read it would
// send 4 KiB at a time.
type streamReader struct{ *io.PipeReader }

var streamBuffers = sync.Pool{New: func() any { return new([streamBuffer]byte) }}

// SupportsBodyWriteTo implements fasthttp.BodyWriterTo.
func (streamReader) SupportsBodyWriteTo() bool { return true }

// WriteTo implements io.WriterTo. Each call of w.Write is flushed.
func (r streamReader) WriteTo(w io.Writer) (sent int64, err error) {
	buf := streamBuffers.Get().(*[streamBuffer]byte)
	defer streamBuffers.Put(buf)
	for {
		n, err := r.Read(buf[:])
		if n > 0 {
			n, writeErr := w.Write(buf[:n])
			if sent += int64(n); writeErr != nil {
				return sent, writeErr
			}
		}
		if errors.Is(err, io.EOF) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
	}
}
