package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// admin serves metrics, profiles and the detailed health. It is apart from the
// workers, so that it answers when they can't.
type admin struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
}

func listenAdmin(addr string, h http.Handler, log *slog.Logger) (*admin, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &sectionError{fmt.Errorf("ADMIN_ADDR: %w", err), "admin-address"}
	}
	return &admin{listener: l, log: log, server: &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}, nil
}

// run serves until ctx ends.
func (s *admin) run(ctx context.Context) {
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	select {
	case err := <-ended:
		s.log.Error("admin server failed", slog.String(keyError, err.Error()), see("admin-address"))
		return
	case <-ctx.Done():
	}
	_ = s.server.Close() // a profile may take a minute; nobody waits for it here
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("admin server failed", slog.String(keyError, err.Error()), see("admin-address"))
	}
}

// close gives the address back where run was never called. nil does nothing.
func (s *admin) close() {
	if s != nil {
		_ = s.listener.Close()
	}
}
