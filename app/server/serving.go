package server

import (
	"bufio"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"

	"smart-factory-backend/app/cluster"

	"github.com/valyala/fasthttp"
)

// serving is the cluster as httpapi wants it.
type serving struct{}

func (serving) StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error) {
	cluster.StreamBody(ctx, write)
}
func (serving) OverLimit(ctx *fasthttp.RequestCtx) string { return cluster.OverLimit(ctx) }
func (serving) Peer(ctx *fasthttp.RequestCtx) netip.Addr  { return cluster.Peer(ctx) }

// discard is fasthttp's logger: what it would log is a client's doing, and is
// answered and counted.
type discard struct{}

func (discard) Printf(string, ...any) {}

const (
	// maxStack bounds a goroutine's stack: an endless recursion can't be
	// recovered from, and should end before it has eaten the machine's memory.
	maxStack  = 64 << 20
	crashFile = "crash.log"
)

// guardProcess sets what protects the process from faults that no guard can
// contain, and keeps their stack in a file under dir besides standard error.
// What an earlier process left there is reported and moved aside.
func guardProcess(dir string, log *slog.Logger) {
	debug.SetMaxStack(maxStack)
	path := filepath.Join(dir, crashFile)
	if info, err := os.Stat(path); err == nil && info.Size() > 0 {
		if os.Rename(path, path+".last") == nil {
			log.Warn("an earlier process crashed", slog.String(keyFile, path+".last"), see("crash"))
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		log.Warn("crashes go to standard error only", slog.String(keyError, err.Error()))
		return
	}
	defer func() { _ = f.Close() }() // the runtime keeps a duplicate
	if err := debug.SetCrashOutput(f, debug.CrashOptions{}); err != nil {
		log.Warn("crashes go to standard error only", slog.String(keyError, err.Error()))
	}
}
