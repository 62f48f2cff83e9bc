package control

import (
	"context"
	"encoding/json"
	"errors"
	"log"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Backend implements the operations of the control socket. Its methods may be
// called concurrently and must return soon after their context ends.
type Backend interface {
	// Status returns the current status.
	Status(ctx context.Context) (Status, error)
	// Reload reloads the configuration and returns when all workers have been
	// recycled.
	Reload(ctx context.Context) (ReloadResult, error)
	// Scale changes the number of workers to n, where 0 means GOMAXPROCS, and
	// returns when they are running.
	Scale(ctx context.Context, n int) (ScaleResult, error)
}

// Server serves one control socket.
type Server struct {
	// ErrorLog receives the errors of net/http, including panics of the
	// Backend. It must be set before Run; nil means the standard logger.
	ErrorLog *log.Logger

	path    string
	backend Backend
	calls   sync.WaitGroup // running calls of backend
	// shutdownGrace bounds how long Run waits for the responses of calls that it
	// has cancelled.
	shutdownGrace time.Duration

	mu       sync.Mutex
	listener *exclusiveListener
	closed   bool // no further call of backend may begin
}

// NewServer returns a Server for the socket at path. It neither listens nor
// starts a goroutine.
func NewServer(path string, b Backend) *Server {
	return &Server{path: path, backend: b, shutdownGrace: time.Second}
}

// Listen starts to listen without serving, so that a program can fail early.
// Run calls it if the caller has not. A socket of a running process is ErrInUse;
// that of a process that has ended is replaced. Run must be called after Listen,
// possibly with a canceled context, to release the socket.
func (s *Server) Listen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return http.ErrServerClosed
	}
	if s.listener != nil {
		return nil
	}
	var err error
	s.listener, err = listenExclusive(s.path)
	return err
}

// Run serves until ctx ends. It then cancels the contexts of running calls, and
// returns nil after the socket has been removed and every call of the Backend
// has returned; later calls return http.ErrServerClosed. If serving fails, Run
// returns the error and may be called again.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Listen(); err != nil { //nolint:contextcheck // listening on a local socket does not wait
		return err
	}
	failed := false
	defer func() { s.close(!failed) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          s.ErrorLog,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	listener := s.listener.socket
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		_ = server.Close()
		failed = true
		return err
	case <-ctx.Done():
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), s.shutdownGrace)
	defer done()
	if server.Shutdown(last) != nil {
		_ = server.Close()
	}
	<-ended //nolint:errcheck // always http.ErrServerClosed
	return nil
}

// close waits for the calls of the Backend and releases the socket. If it is for
// good, no call may begin any more.
func (s *Server) close(forGood bool) {
	s.mu.Lock()
	listener := s.listener
	s.listener, s.closed = nil, forGood
	s.mu.Unlock()
	s.calls.Wait()
	listener.close()
}

// beginCall reports whether a call of the Backend may begin. If so, the caller
// must call calls.Done when it ends.
func (s *Server) beginCall() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.calls.Add(1)
	}
	return !s.closed
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := s.backend.Status(r.Context())
		writeResult(w, status, err)
	})
	mux.HandleFunc("POST /reload", func(w http.ResponseWriter, r *http.Request) {
		result, err := s.backend.Reload(r.Context())
		writeResult(w, result, err)
	})
	mux.HandleFunc("POST /scale", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil || n < 0 {
			writeError(w, http.StatusBadRequest, errors.New("n must be a whole number, at least 0"))
			return
		}
		result, err := s.backend.Scale(r.Context(), n)
		writeResult(w, result, err)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.beginCall() {
			writeError(w, http.StatusServiceUnavailable, errors.New("the process is shutting down"))
			return
		}
		defer s.calls.Done()
		mux.ServeHTTP(w, r)
	})
}

// errorBody is the body of an error response.
type errorBody struct {
	Error string `json:"error"`
}

func writeResult(w http.ResponseWriter, body any, err error) {
	if err != nil {
		writeError(w, http.StatusInternalServerError, err)
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, errorBody{Error: err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil { // a float that JSON can't represent, such as NaN
		status, text = http.StatusInternalServerError, []byte(`{"error":"the response can't be encoded as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // the client may have disconnected
}
