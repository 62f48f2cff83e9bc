package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/api"
	"smart-factory-backend/app/cluster"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live"
	"smart-factory-backend/app/live/hub/redisbroker"
	"smart-factory-backend/app/socketio"
	"smart-factory-backend/app/socketio/engineio"
	"smart-factory-backend/app/socketio/redisadapter"
	"smart-factory-backend/app/websocket/eventloop"

	"github.com/valyala/fasthttp"
)

// sessions owns everything that long-lived clients need: the event loop, the rooms, and
// the connection to other replicas.
type sessions struct {
	app  *App
	loop *eventloop.Loop
	live *live.Server
	// userTimeout is how long sent data may stay unacknowledged by the peer.
	userTimeout time.Duration
	// broker and adapter are nil without REDIS_URL.
	broker    *redisbroker.Broker
	adapter   *redisadapter.Connector
	brokerErr atomic.Pointer[error] // points to nil while the broker is connected

	drainOnce sync.Once
	drained   chan struct{} // closed when the drain is complete
}

var errNotConnected = errors.New("not connected yet")

// newSessions makes the sessions on top of store. It connects and starts nothing.
func (a *App) newSessions(store factory.Store) (_ *sessions, err error) {
	c := a.config
	s := &sessions{app: a, drained: make(chan struct{}), userTimeout: c.PingInterval + c.PingTimeout + c.WriteTimeout}
	s.brokerErr.Store(&errNotConnected)
	if s.loop, err = eventloop.New(eventloop.Options{
		StallAfter: c.WriteTimeout, ReplaceAbove: int(c.WSQueueBytes) / 8,
		MemoryLimit: sessionMemory(c), OnEvict: newEvictionLog(a.log, sessionMemory(c)).observe,
		OnPanic: a.onSessionPanic,
	}); err != nil {
		return nil, fmt.Errorf("event loop: %w", err)
	}
	o := live.Options{
		Latest: store, Placement: store.Placement, Keys: a.keys,
		Authenticate: func(addr netip.Addr, token string, header func(string) string) (access.Principal, error) {
			return a.api.AuthenticateSocket(addr, token, header)
		},
		Ingest: func(ctx context.Context, body []byte) live.IngestResult {
			return live.IngestResult(a.api.Ingest(ctx, body))
		},
		CheckRate: func(c live.Caller) string { return a.api.CheckRate(api.Client{Addr: c.Addr, Principal: c.Principal}) },
		Limits: live.Limits{
			UpgradeRate: c.UpgradeRate, Sockets: c.MaxSockets, PerAddress: c.MaxSocketsPerAddr, PerKey: c.MaxSocketsPerKey,
		},
		Interval: c.RealtimeInterval, MaxRooms: c.MaxRoomsPerSocket, Heartbeat: c.PingInterval,
		OnPanic: a.onSessionPanic,
		Conn: live.ConnOptions{
			Loop:   s.loop,
			Detach: s.detach,
			Await:  func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) },
			AllowOrigin: func(ctx *fasthttp.RequestCtx) bool {
				if a.api.OriginAllowed(ctx) {
					return true
				}
				_ = a.api.RefuseOrigin(ctx) // the upgrade writes its own error
				return false
			},
			Subprotocol: api.BearerProtocol,
			Refuse: func(ctx *fasthttp.RequestCtx, status int, reason error) {
				a.api.WriteError(ctx, status, reason.Error())
			},
			Draining:   a.supervisor.Draining,
			QueueBytes: int(c.WSQueueBytes), MaxPayload: int(c.MaxPayload), Compress: c.WSCompression,
		},
	}
	o.Conn.SocketIO.Engine.PingInterval, o.Conn.SocketIO.Engine.PingTimeout = c.PingInterval, c.PingTimeout
	o.Conn.SocketIO.Engine.Progress = cluster.Progress
	// A packet waits for the handlers of those before it. That must end before the
	// watchdog takes the POST for stuck.
	o.Conn.SocketIO.BackpressureTimeout = min(30*time.Second, c.WorkerStallAfter/2)
	o.Conn.SocketIO.Recovery = &socketio.Recovery{RunMiddlewares: true}
	if url := c.RedisURL.Reveal(); url != "" {
		if err := s.connectRedis(url, c.RedisAdapter, &o); err != nil {
			s.loop.Close()
			return nil, err
		}
	}
	if s.live, err = live.New(o); err != nil {
		s.loop.Close()
		return nil, err
	}
	return s, nil
}

// detach passes the connection of a request to f after the response is sent.
func (s *sessions) detach(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
	cluster.Detach(ctx, func(session *cluster.Session) {
		setUserTimeout(session.Descriptor(), s.userTimeout)
		f(session)
	})
}

// connectRedis shares the rooms with other replicas and with Node.js servers.
func (s *sessions) connectRedis(url, adapter string, o *live.Options) (err error) {
	if s.broker, err = redisbroker.New(redisbroker.Options{URL: url}); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	var mode redisadapter.Mode
	if err := mode.Set(adapter); err != nil {
		return fmt.Errorf("REDIS_ADAPTER: %w", err)
	}
	if s.adapter, err = redisadapter.New(redisadapter.Options{URL: url, Mode: mode, RedactHandshakes: true, Log: s.app.log}); err != nil {
		return err
	}
	o.Broker = s.broker
	o.OnBrokerState = s.onBrokerState
	o.Conn.SocketIO.Adapter = s.adapter.Adapter
	return nil
}

// onBrokerState receives the state of the broker. Each change is logged once.
func (s *sessions) onBrokerState(err error) {
	before := s.brokerErr.Swap(&err)
	switch {
	case err == nil:
		s.app.log.Info("rooms joined over redis")
	case *before == nil || errors.Is(*before, errNotConnected):
		s.app.log.Warn("redis is away; own clients are served", slog.String(keyError, err.Error()), see("redis-unreachable"))
	}
}

// redisErr is the health check of Redis.
func (s *sessions) redisErr() error {
	if err := *s.brokerErr.Load(); err != nil {
		return err
	}
	return s.adapter.Err()
}

// routes returns the routes that open sessions.
func (s *sessions) routes() []api.ExternalRoute {
	return []api.ExternalRoute{
		{
			Method: fasthttp.MethodGet, Path: "/ws", AnyRole: true,
			Handler: func(ctx *fasthttp.RequestCtx, c api.Client) error {
				return s.live.ServeWebSocket(ctx, live.Caller{Addr: c.Addr, Principal: c.Principal})
			},
		},
		{
			Method: fasthttp.MethodGet, Path: "/api/v1/stream", Action: access.Read,
			Handler: func(ctx *fasthttp.RequestCtx, c api.Client) error {
				return s.live.ServeSSE(ctx, live.Caller{Addr: c.Addr, Principal: c.Principal}, requestedRooms(ctx))
			},
		},
		{Path: "/socket.io/", Handler: s.serveSocketIO},
	}
}

// requestedRooms returns the rooms in the "rooms" parameters, which are comma-separated
// lists, and in the "room" parameters, which are one name each.
func requestedRooms(ctx *fasthttp.RequestCtx) []string {
	var rooms []string
	for _, list := range ctx.QueryArgs().PeekMulti("rooms") {
		if len(list) > 0 {
			rooms = append(rooms, strings.Split(string(list), ",")...)
		}
	}
	for _, name := range ctx.QueryArgs().PeekMulti("room") {
		rooms = append(rooms, string(name))
	}
	return rooms
}

func (s *sessions) serveSocketIO(ctx *fasthttp.RequestCtx, c api.Client) error {
	if !s.app.api.OriginAllowed(ctx) {
		_ = s.app.api.RefuseOrigin(ctx) // Engine.IO has errors of its own
		ctx.SetStatusCode(fasthttp.StatusForbidden)
		ctx.SetContentType("application/json")
		ctx.SetBodyString(`{"code":4,"message":"origin not allowed"}`) // the error format of Engine.IO
		return nil
	}
	s.live.ServeSocketIO(ctx, live.Caller{Addr: c.Addr, Principal: c.Principal})
	return nil
}

// run runs the sessions until ctx ends. Then it shuts down in order: rooms, after what
// was last committed is sent; Socket.IO; Redis; the event loop.
//
// The event loop cannot be started again, since its connections end with it: giveUp
// receives its failure, and is to end the process in good order.
func (s *sessions) run(ctx context.Context, giveUp func(cause error)) {
	a := s.app
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	redisCtx, stopRedis := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	defer stopRedis()
	loopEnded, redisEnded, roomsEnded := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() {
		err := contained(loopCtx, s.loop.Run)
		if loopCtx.Err() == nil {
			a.log.Error("event loop ended", slog.Any(keyError, err), see("background-loop"))
			giveUp(fmt.Errorf("%w: the event loop ended: %w", cluster.ErrGaveUp, err))
		}
		loopEnded <- err
	}()
	a.background.run(ctx, "rooms", s.live.Run, func(err error) { roomsEnded <- err })
	if s.adapter != nil {
		a.background.run(redisCtx, "socket.io over redis", s.adapter.Run, func(err error) { redisEnded <- err })
	} else {
		redisEnded <- nil
	}
	<-ctx.Done()
	s.drainPolling() //nolint:contextcheck // the drain has its own deadline
	<-s.drained
	_ = a.step("rooms closed", func() error { return <-roomsEnded })
	_ = a.step("socket.io closed", func() error {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), sessionGrace)
		defer cancel()
		return s.live.SocketIO().Close(wait)
	})
	_ = a.step("redis disconnected", func() error {
		stopRedis()
		return <-redisEnded
	})
	_ = a.step("event loop ended", func() error {
		stopLoop()
		return <-loopEnded
	})
}

// sessionGrace is how long the last sessions may take to end after the drain.
const sessionGrace = 2 * time.Second

// drainPolling closes polling sessions, spread over SHUTDOWN_SPREAD. The cluster drains
// WebSockets itself, but a pending poll would hold up the drain of HTTP requests.
func (s *sessions) drainPolling() {
	s.drainOnce.Do(func() {
		go func() { // run waits for drained
			defer close(s.drained)
			wait, cancel := context.WithTimeout(context.Background(), s.app.config.ShutdownTimeout)
			defer cancel()
			s.live.SocketIO().Engine().Drain(wait, s.app.config.ShutdownSpread)
		}()
	})
}

// onShutdownStep starts the drain when the listening sockets are closed.
func (s *sessions) onShutdownStep(e cluster.ShutdownStep) {
	if e.Step == cluster.StepSocketsClosed {
		s.drainPolling()
	}
}

// onSessionPanic counts and logs a panic in the handler of a session.
func (a *App) onSessionPanic(value any, stack []byte) {
	a.sessionPanics.Inc()
	a.log.Error("panic contained", slog.String(keyPlace, "session"), slog.String(keyValue, fmt.Sprint(value)), slog.String(keyStack, string(stack)), see("panic"))
}
