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

// runServe serves POST /api/v2/write on an engine until ctx ends. It is the minimal
// server without the product, with the same language and parser. A response means
// that the batch is committed.
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

// handler handles requests. It serializes appends.
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
	batch := batchPool.Get().(*[]factory.Reading)
	defer batchPool.Put(batch)
	readings, err := decodeLines((*batch)[:0], ctx.PostBody(), precision)
	*batch = readings
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

// decodeLines appends the numeric fields of body to readings. The tag machine
// names the machine, the field name the metric. The strings alias body.
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
