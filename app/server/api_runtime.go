package server

import (
	"bufio"
	"net/netip"

	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// apiRuntime implements api.Runtime with the cluster.
type apiRuntime struct{}

func (apiRuntime) StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error) {
	cluster.StreamBody(ctx, write)
}
func (apiRuntime) Await(ctx *fasthttp.RequestCtx) api.Wait   { return cluster.NewWait(ctx) }
func (apiRuntime) OverLimit(ctx *fasthttp.RequestCtx) string { return cluster.OverLimit(ctx) }
func (apiRuntime) LongRequestLine(ctx *fasthttp.RequestCtx) bool {
	return cluster.LongRequestLine(ctx)
}
func (apiRuntime) Peer(ctx *fasthttp.RequestCtx) netip.Addr { return cluster.Peer(ctx) }

// discardLogger drops what fasthttp logs: errors of clients, which are answered and
// counted.
type discardLogger struct{}

func (discardLogger) Printf(string, ...any) {}
