package server

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

func TestOperatorStatus(t *testing.T) {
	a, addr := launch(t)
	got, err := controlHandler{a}.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != "1.2.3" || got.Address != addr || got.State != "running" || got.WorkersWanted != 1 ||
		len(got.Workers) != 1 || got.Workers[0].State != "running" || got.Store.Engine != "sqlite" || !got.Store.Ready ||
		got.Memory.RSS == 0 || got.Memory.Heap == 0 || got.LogLevel != "info" {
		t.Errorf("Status = %+v", got)
	}
}

func TestOperatorStatusCountsEventStreamsApart(t *testing.T) {
	a, addr := launch(t)
	stream, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if _, err := stream.Write([]byte("GET /api/v1/stream?rooms=all HTTP/1.1\r\nHost: localhost\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	dial(t, addr+"/ws")
	waitUntil(t, "one session of each kind", func() bool {
		got, err := controlHandler{a}.Status(t.Context())
		return err == nil && got.WebSockets == 1 && got.EventStreams == 1
	})
}

func TestOperatorScaleIsCapped(t *testing.T) {
	a, _ := launch(t)
	limit := runtime.GOMAXPROCS(0)
	got, err := controlHandler{a}.Scale(t.Context(), limit+5)
	if err != nil || got.From != 1 || got.To != limit || !strings.Contains(got.Note, "GOMAXPROCS") {
		t.Errorf("Scale(%d) = %+v, %v, want 1 to %d with a note about GOMAXPROCS", limit+5, got, err, limit)
	}
	if got, err := (controlHandler{a}).Scale(t.Context(), 1); err != nil || got.To != 1 || got.Note != "" {
		t.Errorf("Scale(1) = %+v, %v, want 1 without a note", got, err)
	}
	if _, err := (controlHandler{a}).Scale(t.Context(), -1); err == nil {
		t.Error("Scale(-1) succeeds")
	}
}
