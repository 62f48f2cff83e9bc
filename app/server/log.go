package server

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// Keys of log attributes.
const (
	keyAddress    = "address"
	keyBytes      = "bytes"
	keyCause      = "cause"
	keyChanged    = "changed"
	keyCount      = "count"
	keyDatabase   = "database"
	keyDelay      = "delay"
	keyLimit      = "limit"
	keyLoop       = "loop"
	keyNeeded     = "needed"
	keyDuration   = "duration"
	keyError      = "error"
	keyFile       = "file"
	keyGOMAXPROCS = "gomaxprocs"
	keyHost       = "host"
	keyOrigin     = "origin"
	keyPlace      = "place"
	keyQuota      = "cpu_quota"
	keyReason     = "reason"
	keyReceiver   = "receiver"
	keyRepeated   = "repeated"
	keySee        = "see"
	keyStack      = "stack"
	keyStep       = "step"
	keyURL        = "url"
	keyValue      = "value"
	keyVariable   = "variable"
	keyVersion    = "version"
	keyWorkers    = "workers"
)

// NewLogger returns a logger that writes to w in the format "json" or "text". level
// may change while the logger is in use.
func NewLogger(w io.Writer, format string, level slog.Leveler) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: writeUnit}))
	}
	return slog.New(newTextHandler(w, level))
}

// writeUnit turns a duration, for which JSON has only a number, into text with its unit.
func writeUnit(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		a.Value = slog.StringValue(a.Value.Duration().String())
	}
	return a
}

// textHandler is slog.TextHandler, except that it prints a stack unquoted below the
// line, so that it can be read.
type textHandler struct {
	*slog.TextHandler
	mu *sync.Mutex
	w  io.Writer
}

func newTextHandler(w io.Writer, level slog.Leveler) *textHandler {
	h := &textHandler{mu: new(sync.Mutex), w: w}
	h.TextHandler = slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == keyStack {
				return slog.Attr{}
			}
			return a
		},
	})
	return h
}

// Handle writes the line of the record, followed by its stack.
func (h *textHandler) Handle(ctx context.Context, r slog.Record) error {
	stack := ""
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == keyStack {
			stack = a.Value.String()
		}
		return stack == ""
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.TextHandler.Handle(ctx, r); err != nil || stack == "" {
		return err
	}
	_, err := io.WriteString(h.w, stack+"\n")
	return err
}
