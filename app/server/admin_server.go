package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"
)

// admin serves metrics, profiles and detailed health on a port of its own, so that
// it still responds when the workers do not.
type admin struct {
	addr     string
	handler  http.Handler
	log      *slog.Logger
	listener net.Listener // nil while the address is taken
	retry    time.Duration
}

// adminRetry is how often a default address that is taken is tried again.
const adminRetry = 10 * time.Second

// newAdmin listens on addr. If another socket does and mayWait is set, it logs that
// and returns an admin whose run tries again.
func newAdmin(addr string, mayWait bool, h http.Handler, log *slog.Logger) (*admin, error) {
	s := &admin{addr: addr, handler: h, log: log, retry: adminRetry}
	err := s.listen()
	if errors.Is(err, syscall.EADDRINUSE) && mayWait {
		log.Warn("admin address in use; trying again until it is free", slog.String(keyError, err.Error()), see("admin-address"))
		return s, nil
	}
	if err != nil {
		return nil, &sectionError{fmt.Errorf("ADMIN_ADDR: %w", err), "admin-address"}
	}
	return s, nil
}

func (s *admin) listen() (err error) {
	if s.listener, err = net.Listen("tcp", s.addr); !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	_, text, _ := net.SplitHostPort(s.addr)
	port, _ := strconv.Atoi(text)
	if pid, process := cluster.ListenerOwner(port); pid != 0 {
		return fmt.Errorf("%w by pid %d (%s)", err, pid, process)
	}
	return err
}

// onlyFor protects a handler from pages whose names resolve to this server. onRefusal
// receives each host that it refuses.
func onlyFor(hosts access.Hosts, onRefusal func(kind, value string), h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "" && !hosts.Contain(r.Host) {
			onRefusal(api.RefusedHost, r.Host)
			http.Error(w, "this host is not one of the server; ALLOWED_HOSTS lists the names that are", http.StatusMisdirectedRequest)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// run serves until ctx ends, and waits for the address before if it is taken. It
// listens again if it is called again.
func (s *admin) run(ctx context.Context) error {
	for s.listener == nil {
		err := s.listen()
		if err == nil {
			s.log.Info("admin address is free; listening", slog.String(keyAddress, s.addr))
			break
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.retry):
		}
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() }) // does not wait for profiles, which can take a minute
	defer stop()
	err := server.Serve(s.listener)
	s.close()
	s.listener = nil
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// close releases the address. It accepts nil.
func (s *admin) close() {
	if s != nil && s.listener != nil {
		_ = s.listener.Close()
	}
}
