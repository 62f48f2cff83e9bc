package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/valyala/fasthttp"

	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/lineprotocol"
)

// runServe serves POST /api/v2/write in front of the engine until ctx ends:
// what one gets without us, in the same language and with the same parser. A
// batch is committed when it is answered.
func runServe(ctx context.Context, s settings, _ reportFunc) (err error) {
	e, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.close()) }()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		return err
	}
	h := &handler{ctx: context.WithoutCancel(ctx), engine: e}
	server := &fasthttp.Server{Handler: h.serveHTTP, MaxRequestBodySize: 32 << 20}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Shutdown()
	}
}

// handler answers requests; appends come one at a time.
type handler struct {
	ctx    context.Context
	mu     sync.Mutex
	engine engine
}

var batchPool = sync.Pool{New: func() any { return new([]factory.Reading) }}

func (h *handler) serveHTTP(ctx *fasthttp.RequestCtx) {
	if ctx.IsGet() {
		return // ready
	}
	precision, known := lineprotocol.ParsePrecision(string(ctx.QueryArgs().Peek("precision")))
	if !known {
		ctx.Error("precision", fasthttp.StatusBadRequest)
		return
	}
	kept := batchPool.Get().(*[]factory.Reading)
	defer batchPool.Put(kept)
	readings, err := decodeLines((*kept)[:0], ctx.PostBody(), precision)
	*kept = readings
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusBadRequest)
		return
	}
	h.mu.Lock()
	err = h.engine.append(h.ctx, readings)
	h.mu.Unlock()
	if err != nil {
		ctx.Error(err.Error(), fasthttp.StatusServiceUnavailable)
		return
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}

// decodeLines appends the numbers in a body to readings: the machine by the tag
// of that name, the metric by the field's. The strings lie in the body.
func decodeLines(readings []factory.Reading, body []byte, precision lineprotocol.Precision) ([]factory.Reading, error) {
	lines := lineprotocol.NewScanner(body)
	for lines.Next() {
		machine, first := "", len(readings)
		var tag lineprotocol.Tag
		for lines.Tag(&tag) {
			if tag.Key == "machine" {
				machine = tag.Value
			}
		}
		var field lineprotocol.Field
		for lines.Field(&field) {
			if field.Kind != lineprotocol.String {
				readings = append(readings, factory.Reading{Machine: machine, Metric: field.Key, Value: field.Number})
			}
		}
		at, given := lines.Timestamp()
		if fault := lines.Err(); fault != nil || machine == "" || !given {
			return readings, fmt.Errorf("line %d can't be stored", lines.Line())
		}
		for i := first; i < len(readings); i++ {
			readings[i].ObservedAt = precision.Millis(at)
		}
	}
	return readings, nil
}
