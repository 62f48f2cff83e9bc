package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// memoryBudget bounds the bytes of the bodies that are held at one moment.
type memoryBudget struct {
	limit int64
	used  atomic.Int64
}

// take asks for n more bytes.
func (b *memoryBudget) take(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *memoryBudget) give(n int) { b.used.Add(int64(-n)) }

const (
	firstBuffer = 16 << 10
	// keptBuffer is the largest buffer that is kept for the next request.
	keptBuffer = 1 << 20
)

// buffer is a body in memory, as far as it has arrived.
type buffer struct {
	b      []byte
	budget *memoryBudget
	taken  int
}

var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, firstBuffer)} }}

func acquireBuffer(budget *memoryBudget) *buffer {
	b := buffers.Get().(*buffer)
	b.budget, b.b = budget, b.b[:0]
	return b
}

func (b *buffer) release() {
	b.budget.give(b.taken)
	b.taken, b.budget = 0, nil
	if cap(b.b) <= keptBuffer {
		buffers.Put(b)
	}
}

// errNoMemory: the budget is used up by other requests.
var errNoMemory = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too many bodies at once; nothing was taken"}

// fill reads r to its end, at most limit bytes of it. What the buffer takes
// grows with what has arrived, not with what was announced.
func (b *buffer) fill(r io.Reader, limit int, tooLarge error) error {
	if b.taken == 0 {
		if err := b.takeFirst(); err != nil {
			return err
		}
	}
	for {
		if len(b.b) == cap(b.b) {
			if err := b.grow(limit); err != nil {
				return err
			}
		}
		n, err := r.Read(b.b[len(b.b):cap(b.b)])
		b.b = b.b[:len(b.b)+n]
		if len(b.b) > limit {
			return tooLarge
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// takeFirst asks for what the buffer has before anything is in it. One that is
// large from an earlier body makes way for a small one when memory is short.
func (b *buffer) takeFirst() error {
	if !b.budget.take(cap(b.b)) {
		if cap(b.b) <= firstBuffer || !b.budget.take(firstBuffer) {
			return errNoMemory
		}
		b.b = make([]byte, 0, firstBuffer)
	}
	b.taken = cap(b.b)
	return nil
}

func (b *buffer) grow(limit int) error {
	size := min(2*cap(b.b), max(limit+1, cap(b.b)+1))
	if !b.budget.take(size - cap(b.b)) {
		return errNoMemory
	}
	b.taken += size - cap(b.b)
	b.b = append(make([]byte, 0, size), b.b...)
	return nil
}

// readBody reads the request's body, unpacked, within all limits. The buffer
// is released by the caller, also after an error.
func (a *API) readBody(ctx *fasthttp.RequestCtx) (*buffer, error) {
	packed := acquireBuffer(&a.memory)
	tooLarge := &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body is larger than %d bytes", a.options.MaxBody)}
	if ctx.Request.Header.ContentLength() > a.options.MaxBody {
		ctx.SetConnectionClose()
		return packed, tooLarge
	}
	if err := a.readPacked(ctx, packed, tooLarge); err != nil {
		ctx.SetConnectionClose() // the rest of the body is not worth reading
		return packed, err
	}
	a.bytes.Add(len(packed.b))
	switch encoding := ctx.Request.Header.ContentEncoding(); string(bytes.ToLower(encoding)) {
	case "", "identity":
		return packed, nil
	case "gzip", "x-gzip":
		plain := acquireBuffer(&a.memory)
		err := a.unpack(packed.b, plain)
		packed.release()
		return plain, err
	}
	ctx.Response.Header.Set(fasthttp.HeaderAcceptEncoding, "gzip, identity") // RFC 9110, section 12.5.3
	return packed, &httpError{status: fasthttp.StatusUnsupportedMediaType, detail: "Content-Encoding must be gzip or identity"}
}

func (a *API) readPacked(ctx *fasthttp.RequestCtx, packed *buffer, tooLarge error) error {
	stream := ctx.RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(ctx.Request.Body())
	}
	err := packed.fill(stream, a.options.MaxBody, tooLarge)
	if announced := ctx.Request.Header.ContentLength(); err == nil && announced > len(packed.b) {
		err = io.ErrUnexpectedEOF // fasthttp takes the end of the connection for that of the body
	}
	var known *httpError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case isTimeout(err):
		return &httpError{status: fasthttp.StatusRequestTimeout, detail: "the body took too long to arrive"}
	}
	return &httpError{status: fasthttp.StatusBadRequest, detail: "the body ended early or is not framed right"}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

var unpackers = sync.Pool{New: func() any { return new(gzip.Reader) }}

// unpack unpacks gzip (RFC 1952), however many members it has.
func (a *API) unpack(packed []byte, plain *buffer) error {
	r := unpackers.Get().(*gzip.Reader)
	defer unpackers.Put(r)
	err := r.Reset(bytes.NewReader(packed))
	if err == nil {
		tooLarge := &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body unpacks to more than %d bytes", a.options.MaxUnpacked)}
		err = plain.fill(r, a.options.MaxUnpacked, tooLarge)
	}
	var known *httpError
	if err != nil && !errors.As(err, &known) {
		return &httpError{status: fasthttp.StatusBadRequest, detail: "the body is not valid gzip: " + err.Error()}
	}
	return err
}
