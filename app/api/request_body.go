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

// reserve asks for n more bytes.
func (b *memoryBudget) reserve(n int) bool {
	if b.used.Add(int64(n)) > b.limit {
		b.used.Add(int64(-n))
		return false
	}
	return true
}

func (b *memoryBudget) release(n int) { b.used.Add(int64(-n)) }

const (
	initialBufferSize = 16 << 10
	// maxPooledBuffer is the largest buffer that is kept for the next request.
	maxPooledBuffer = 1 << 20
)

// bodyBuffer is a body in memory, as far as it has arrived.
type bodyBuffer struct {
	data     []byte
	budget   *memoryBudget
	reserved int
}

var bufferPool = sync.Pool{New: func() any { return &bodyBuffer{data: make([]byte, 0, initialBufferSize)} }}

func acquireBuffer(budget *memoryBudget) *bodyBuffer {
	b := bufferPool.Get().(*bodyBuffer)
	b.budget, b.data = budget, b.data[:0]
	return b
}

func (b *bodyBuffer) release() {
	b.budget.release(b.reserved)
	b.reserved, b.budget = 0, nil
	if cap(b.data) <= maxPooledBuffer {
		bufferPool.Put(b)
	}
}

// errBodyMemory: the budget is used up by other requests.
var errBodyMemory = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too many bodies at once; nothing was taken"}

// readFrom reads r to its end, at most limit bytes of it. What the buffer takes
// grows with what has arrived, not with what was announced.
func (b *bodyBuffer) readFrom(r io.Reader, limit int, tooLarge error) error {
	if b.reserved == 0 {
		if err := b.reserveInitial(); err != nil {
			return err
		}
	}
	for {
		if len(b.data) == cap(b.data) {
			if err := b.grow(limit); err != nil {
				return err
			}
		}
		n, err := r.Read(b.data[len(b.data):cap(b.data)])
		b.data = b.data[:len(b.data)+n]
		if len(b.data) > limit {
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

// reserveInitial asks for what the buffer has before anything is in it. One that is
// large from an earlier body makes way for a small one when memory is short.
func (b *bodyBuffer) reserveInitial() error {
	if !b.budget.reserve(cap(b.data)) {
		if cap(b.data) <= initialBufferSize || !b.budget.reserve(initialBufferSize) {
			return errBodyMemory
		}
		b.data = make([]byte, 0, initialBufferSize)
	}
	b.reserved = cap(b.data)
	return nil
}

func (b *bodyBuffer) grow(limit int) error {
	size := min(2*cap(b.data), max(limit+1, cap(b.data)+1))
	if !b.budget.reserve(size - cap(b.data)) {
		return errBodyMemory
	}
	b.reserved += size - cap(b.data)
	b.data = append(make([]byte, 0, size), b.data...)
	return nil
}

// readBody reads the request's body, unpacked, within all limits. The buffer
// is released by the caller, also after an error.
func (a *API) readBody(ctx *fasthttp.RequestCtx) (*bodyBuffer, error) {
	packed := acquireBuffer(&a.bodyMemory)
	tooLarge := &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body is larger than %d bytes", a.options.MaxBody)}
	if ctx.Request.Header.ContentLength() > a.options.MaxBody {
		ctx.SetConnectionClose()
		return packed, tooLarge
	}
	if err := a.readRawBody(ctx, packed, tooLarge); err != nil {
		ctx.SetConnectionClose() // the rest of the body is not worth reading
		return packed, err
	}
	a.bodyBytes.Add(len(packed.data))
	switch encoding := ctx.Request.Header.ContentEncoding(); string(bytes.ToLower(encoding)) {
	case "", "identity":
		return packed, nil
	case "gzip", "x-gzip":
		plain := acquireBuffer(&a.bodyMemory)
		err := a.decompress(packed.data, plain)
		packed.release()
		return plain, err
	}
	ctx.Response.Header.Set(fasthttp.HeaderAcceptEncoding, "gzip, identity") // RFC 9110, section 12.5.3
	return packed, &httpError{status: fasthttp.StatusUnsupportedMediaType, detail: "Content-Encoding must be gzip or identity"}
}

func (a *API) readRawBody(ctx *fasthttp.RequestCtx, packed *bodyBuffer, tooLarge error) error {
	stream := ctx.RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(ctx.Request.Body())
	}
	err := packed.readFrom(stream, a.options.MaxBody, tooLarge)
	if announced := ctx.Request.Header.ContentLength(); err == nil && announced > len(packed.data) {
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

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// decompress unpacks gzip (RFC 1952), however many members it has.
func (a *API) decompress(packed []byte, plain *bodyBuffer) error {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	err := r.Reset(bytes.NewReader(packed))
	if err == nil {
		tooLarge := &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body unpacks to more than %d bytes", a.options.MaxDecompressed)}
		err = plain.readFrom(r, a.options.MaxDecompressed, tooLarge)
	}
	var known *httpError
	if err != nil && !errors.As(err, &known) {
		return &httpError{status: fasthttp.StatusBadRequest, detail: "the body is not valid gzip: " + err.Error()}
	}
	return err
}
