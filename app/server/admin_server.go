package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"smart-factory-backend/app/access"
)

// admin serves metrics, profiles and detailed health on a port of its own, so that
// it still responds when the workers do not.
type admin struct {
	listener net.Listener
	server   *http.Server
	log      *slog.Logger
}

// onlyFor protects a handler from pages whose names resolve to this server.
func onlyFor(hosts access.Hosts, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !hosts.Contain(r.Host) {
			http.Error(w, "this host is not one of the server; ALLOWED_HOSTS lists the names that are", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func listenAdmin(addr string, hosts access.Hosts, h http.Handler, log *slog.Logger) (*admin, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, &sectionError{fmt.Errorf("ADMIN_ADDR: %w", err), "admin-address"}
	}
	return &admin{listener: l, log: log, server: &http.Server{
		Handler:           onlyFor(hosts, h),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}, nil
}

// run serves until ctx ends and the server is closed.
func (s *admin) run(ctx context.Context) {
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		_ = s.server.Close() // does not wait for profiles, which can take a minute
		err = <-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("admin server failed", slog.String(keyError, err.Error()), see("admin-address"))
	}
}

// close releases the address of a server that was never run. It accepts nil.
func (s *admin) close() {
	if s != nil {
		_ = s.listener.Close()
	}
}
