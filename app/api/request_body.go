package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/valyala/fasthttp"
)

// memoryBudget bounds the memory of all request bodies. It is safe for concurrent
// use.
type memoryBudget struct {
	limit int64
	used  atomic.Int64
}

// reserve takes n bytes of the budget and reports whether there were as many.
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
	// maxPooledBuffer is the largest buffer that is reused for another request.
	maxPooledBuffer = 1 << 20
)

// bodyBuffer holds the part of a body that has been received.
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

// errBodyMemory means that other requests use up the budget.
var errBodyMemory = &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "too many request bodies at once; nothing was stored"}

// readFrom reads r to its end. It returns tooLarge after limit bytes. The buffer
// grows with the received data, not with the announced length.
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

// reserveInitial reserves the capacity of an empty buffer. If the budget does not
// allow that of a large pooled buffer, it is replaced by a small one.
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

// readBody reads and decompresses the request's body within all limits. The caller
// releases the buffer, even after an error.
func (a *API) readBody(ctx *fasthttp.RequestCtx) (*bodyBuffer, error) {
	raw := acquireBuffer(&a.bodyMemory)
	tooLarge := a.bodyTooLarge()
	if ctx.Request.Header.ContentLength() > a.options.MaxBody {
		ctx.SetConnectionClose()
		return raw, tooLarge
	}
	if err := a.readRawBody(ctx, raw, tooLarge); err != nil {
		ctx.SetConnectionClose() // rather than reading the rest of the body
		return raw, err
	}
	a.bodyBytes.Add(len(raw.data))
	encoding := string(bytes.ToLower(ctx.Request.Header.ContentEncoding()))
	if encoding == "" || encoding == "identity" {
		return raw, nil
	}
	decompress, known := contentEncodings[encoding]
	if !known {
		ctx.Response.Header.Set(fasthttp.HeaderAcceptEncoding, "gzip, deflate, zstd, identity") // RFC 9110, section 12.5.3
		return raw, &httpError{status: fasthttp.StatusUnsupportedMediaType, detail: "Content-Encoding must be gzip, deflate, zstd or identity"}
	}
	plain := acquireBuffer(&a.bodyMemory)
	err := a.decompress(decompress, raw.data, plain)
	raw.release()
	return plain, err
}

func (a *API) bodyTooLarge() error {
	return &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the body is larger than %d bytes", a.options.MaxBody)}
}

func (a *API) readRawBody(ctx *fasthttp.RequestCtx, raw *bodyBuffer, tooLarge error) error {
	stream := ctx.RequestBodyStream()
	if stream == nil {
		stream = bytes.NewReader(ctx.Request.Body())
	}
	err := raw.readFrom(stream, a.options.MaxBody, tooLarge)
	if announced := ctx.Request.Header.ContentLength(); err == nil && announced > len(raw.data) {
		err = io.ErrUnexpectedEOF // fasthttp reports no error if the connection ends early
	}
	var own *httpError
	switch {
	case err == nil, errors.As(err, &own):
		return err
	case isTimeout(err):
		return &httpError{status: fasthttp.StatusRequestTimeout, detail: "the body took too long to arrive"}
	}
	return &httpError{status: fasthttp.StatusBadRequest, detail: "the body is truncated or its framing is invalid"}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
