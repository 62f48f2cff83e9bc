package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/valyala/fasthttp"
)

// decompressor calls read with what raw unpacks to.
type decompressor struct {
	name string
	use  func(raw []byte, read func(io.Reader) error) error
}

// contentEncodings are the codings of request bodies by their names in Content-Encoding
// (RFC 9110, section 8.4.1; zstd is RFC 8878).
var contentEncodings = map[string]decompressor{
	"gzip": {"gzip", readGzip}, "x-gzip": {"gzip", readGzip}, "deflate": {"deflate", readDeflate}, "zstd": {"zstd", readZstd},
}

// decompress reads raw into plain.
func (a *API) decompress(d decompressor, raw []byte, plain *bodyBuffer) error {
	tooLarge := &httpError{status: fasthttp.StatusRequestEntityTooLarge, detail: fmt.Sprintf("the decompressed body is larger than %d bytes", a.options.MaxDecompressed)}
	err := d.use(raw, func(r io.Reader) error { return plain.readFrom(r, a.options.MaxDecompressed, tooLarge) })
	var own *httpError
	if err != nil && !errors.As(err, &own) {
		return &httpError{status: fasthttp.StatusBadRequest, detail: "the body is not valid " + d.name + ": " + err.Error()}
	}
	return err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// readGzip reads gzip (RFC 1952) of one or more members.
func readGzip(raw []byte, read func(io.Reader) error) error {
	r := gzipReaders.Get().(*gzip.Reader)
	defer gzipReaders.Put(r)
	if err := r.Reset(bytes.NewReader(raw)); err != nil {
		return err
	}
	return read(r)
}

// readDeflate reads zlib (RFC 1950), or deflate without its header (RFC 1951), which
// some senders take the name of the coding to mean.
func readDeflate(raw []byte, read func(io.Reader) error) error {
	const method = 8 // the low half of the first byte; both bytes are a multiple of 31
	if len(raw) >= 2 && raw[0]&0xf == method && (int(raw[0])<<8|int(raw[1]))%31 == 0 {
		r, err := zlib.NewReader(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		return errors.Join(read(r), r.Close())
	}
	r := flate.NewReader(bytes.NewReader(raw))
	return errors.Join(read(r), r.Close())
}

// maxZstdWindow is the largest window of a zstd frame that is accepted, which is what
// RFC 8878 (section 3.1.1.1.2) asks of every decoder.
const maxZstdWindow = 8 << 20

// zstdDecoders holds the idle decoders, nil for those that were not needed yet. A
// decoder may keep a window, so there are few. They are used while the processor
// works, never while a body arrives, so waiting for one is short.
var zstdDecoders = func() chan *zstd.Decoder {
	decoders := make(chan *zstd.Decoder, min(2, runtime.NumCPU()))
	for range cap(decoders) {
		decoders <- nil
	}
	return decoders
}()

// readZstd reads zstd (RFC 8878) of one or more frames.
func readZstd(raw []byte, read func(io.Reader) error) (err error) {
	d := <-zstdDecoders
	defer func() { zstdDecoders <- d }()
	if d == nil {
		fresh, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return err
		}
		d = fresh
	}
	if err := d.Reset(bytes.NewReader(raw)); err != nil {
		return err
	}
	defer func() { _ = d.Reset(nil) }() // it does not hold the body
	return read(d)
}
