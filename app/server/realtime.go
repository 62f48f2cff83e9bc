package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// sessions is all that belongs to clients who stay: the event loop, the rooms,
// and what joins them with other replicas.
type sessions struct {
	app  *App
	loop *eventloop.Loop
	show *live.Realtime
	// deadAfter is how long a peer may leave unacknowledged what it was sent.
	deadAfter time.Duration
	// broker and adapter are nil without REDIS_URL.
	broker    *redisbroker.Broker
	adapter   *redisadapter.Connector
	brokerErr atomic.Pointer[error] // why the broker is not connected

	drain   sync.Once
	drained chan struct{} // closed when all have been told to go
}

var errNotYet = errors.New("not connected yet")

// newSessions makes them over the store. It connects and starts nothing.
func (a *App) newSessions(store factory.Store) (_ *sessions, err error) {
	c := a.config
	s := &sessions{app: a, drained: make(chan struct{}), deadAfter: c.PingInterval + c.PingTimeout + c.WriteTimeout}
	s.brokerErr.Store(&errNotYet)
	if s.loop, err = eventloop.New(eventloop.Options{StallAfter: c.WriteTimeout, ReplaceAbove: int(c.WSQueueBytes) / 8}); err != nil {
		return nil, fmt.Errorf("event loop: %w", err)
	}
	o := live.Options{
		Latest: store, Placement: store.Placement, Keys: a.keys,
		Ingest: func(ctx context.Context, body []byte) live.Receipt {
			return live.Receipt(a.api.Ingest(ctx, body))
		},
		Limit: func(c live.Caller) string { return a.api.CheckRate(api.Client{Addr: c.Addr, Principal: c.Who}) },
		Limits: live.Limits{
			UpgradeRate: c.UpgradeRate, Sockets: c.MaxSockets, PerAddress: c.MaxSocketsPerAddr, PerKey: c.MaxSocketsPerKey,
		},
		Interval: c.RealtimeInterval, MaxRooms: c.MaxRoomsPerSocket, Heartbeat: c.PingInterval,
		Panicked: a.sessionPanicked,
		Serving: live.Serving{
			Loop:        s.loop,
			Detach:      s.detach,
			Await:       func(ctx *fasthttp.RequestCtx) engineio.Wait { return cluster.NewWait(ctx) },
			AllowOrigin: func(ctx *fasthttp.RequestCtx) bool { return a.api.OriginAllowed(ctx) },
			Refuse: func(ctx *fasthttp.RequestCtx, status int, reason error) {
				a.api.WriteError(ctx, status, reason.Error())
			},
			Draining:   a.supervisor.Draining,
			QueueBytes: int(c.WSQueueBytes), MaxPayload: int(c.MaxPayload), Compress: c.WSCompression,
		},
	}
	o.Serving.SocketIO.Engine.PingInterval, o.Serving.SocketIO.Engine.PingTimeout = c.PingInterval, c.PingTimeout
	o.Serving.SocketIO.Recovery = &socketio.Recovery{RunMiddlewares: true}
	if url := c.RedisURL.Reveal(); url != "" {
		if err := s.join(url, &o); err != nil {
			s.loop.Close()
			return nil, err
		}
	}
	if s.show, err = live.New(o); err != nil {
		s.loop.Close()
		return nil, err
	}
	return s, nil
}

// detach gives f a request's connection once its response is sent.
func (s *sessions) detach(ctx *fasthttp.RequestCtx, f func(eventloop.Transport)) {
	cluster.Detach(ctx, func(session *cluster.Session) {
		forgetDead(session.Descriptor(), s.deadAfter)
		f(session)
	})
}

// join has the rooms shared with other replicas, and with Node servers.
func (s *sessions) join(url string, o *live.Options) (err error) {
	if s.broker, err = redisbroker.New(redisbroker.Options{URL: url}); err != nil {
		return fmt.Errorf("REDIS_URL: %w", err)
	}
	if s.adapter, err = redisadapter.New(redisadapter.Options{URL: url, RedactHandshakes: true, Log: s.app.log}); err != nil {
		return err
	}
	o.Broker = s.broker
	o.BrokerState = s.brokerState
	o.Serving.SocketIO.Adapter = s.adapter.Adapter
	return nil
}

// brokerState hears of the broker; each change is logged once.
func (s *sessions) brokerState(err error) {
	before := s.brokerErr.Swap(&err)
	switch {
	case err == nil:
		s.app.log.Info("rooms joined over redis")
	case *before == nil || errors.Is(*before, errNotYet):
		s.app.log.Warn("redis is away; own clients are served", slog.String(keyError, err.Error()), see("redis-unreachable"))
	}
}

// ready is the health check of Redis.
func (s *sessions) ready() error {
	if err := *s.brokerErr.Load(); err != nil {
		return err
	}
	return s.adapter.Err()
}

// mounts are the paths of sessions.
func (s *sessions) mounts() []api.ExternalRoute {
	return []api.ExternalRoute{
		{
			Method: fasthttp.MethodGet, Path: "/ws", AnyRole: true,
			Handler: func(ctx *fasthttp.RequestCtx, c api.Client) error {
				return s.show.ServeWebSocket(ctx, live.Caller{Addr: c.Addr, Who: c.Principal})
			},
		},
		{
			Method: fasthttp.MethodGet, Path: "/api/v1/stream", Action: access.Read,
			Handler: func(ctx *fasthttp.RequestCtx, c api.Client) error {
				return s.show.ServeEvents(ctx, live.Caller{Addr: c.Addr, Who: c.Principal}, roomsOf(ctx))
			},
		},
		{Path: "/socket.io/", Handler: s.serveSocketIO},
	}
}

// roomsOf lists the rooms that a request names, separated by commas.
func roomsOf(ctx *fasthttp.RequestCtx) []string {
	var rooms []string
	for _, list := range ctx.QueryArgs().PeekMulti("rooms") {
		if len(list) > 0 {
			rooms = append(rooms, strings.Split(string(list), ",")...)
		}
	}
	return rooms
}

func (s *sessions) serveSocketIO(ctx *fasthttp.RequestCtx, c api.Client) error {
	if !s.app.api.OriginAllowed(ctx) {
		ctx.SetStatusCode(fasthttp.StatusForbidden)
		ctx.SetContentType("application/json")
		ctx.SetBodyString(`{"code":4,"message":"origin not allowed"}`) // as Engine.IO has it
		return nil
	}
	s.show.ServeSocketIO(ctx, live.Caller{Addr: c.Addr, Who: c.Principal})
	return nil
}

// run moves the sessions until ctx ends, then ends what is left of them in
// order: what was committed last is shown, Redis is left, the loop closes.
func (s *sessions) run(ctx context.Context) {
	a := s.app
	loopCtx, stopLoop := context.WithCancel(context.WithoutCancel(ctx))
	redisCtx, stopRedis := context.WithCancel(context.WithoutCancel(ctx))
	defer stopLoop()
	defer stopRedis()
	loopEnded, redisEnded, showEnded := make(chan error, 1), make(chan error, 1), make(chan error, 1)
	go func() { loopEnded <- s.loop.Run(loopCtx) }()
	go func() { showEnded <- s.show.Run(ctx) }()
	go func() {
		if s.adapter == nil {
			redisEnded <- nil
			return
		}
		redisEnded <- s.adapter.Run(redisCtx)
	}()
	<-ctx.Done()
	s.sendAway() //nolint:contextcheck // it has a deadline of its own
	<-s.drained
	_ = a.step("rooms closed", func() error { return <-showEnded })
	_ = a.step("socket.io closed", func() error {
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), sessionGrace)
		defer cancel()
		return s.show.SocketIO().Close(wait)
	})
	_ = a.step("redis left", func() error {
		stopRedis()
		return <-redisEnded
	})
	_ = a.step("event loop ended", func() error {
		stopLoop()
		return <-loopEnded
	})
}

// sessionGrace is how long the last sessions may take to end once everybody
// has been told to go.
const sessionGrace = 2 * time.Second

// sendAway tells the clients that poll to go, spread like WebSockets, which the
// cluster tells: a poll that waits would hold up the end of requests.
func (s *sessions) sendAway() {
	s.drain.Do(func() {
		go func() { // ends with the last client told, before run does
			defer close(s.drained)
			wait, cancel := context.WithTimeout(context.Background(), s.app.config.ShutdownTimeout)
			defer cancel()
			s.show.SocketIO().Engine().Drain(wait, s.app.config.ShutdownSpread)
		}()
	})
}

// observe is told what the cluster reports.
func (s *sessions) observe(e cluster.ShutdownStep) {
	if e.Step == cluster.StepSocketsClosed {
		s.sendAway()
	}
}

// sessionPanicked logs a panic that was contained in a session's handler.
func (a *App) sessionPanicked(value any, stack []byte) {
	a.sessionPanics.Inc()
	a.log.Error("panic contained", slog.String(keyPlace, "session"), slog.String(keyValue, fmt.Sprint(value)), slog.String(keyStack, string(stack)), see("panic"))
}

// describeSessions registers the figures of sessions.
func (s *sessions) describeSessions() {
	m := s.app.metrics
	for _, transport := range live.Transports() {
		m.Gauge("smartfactory_sessions", func() float64 { return float64(s.show.Stats().Sessions[transport]) }, "transport", transport)
		m.CounterFunc("smartfactory_slow_clients_closed_total", func() float64 { return float64(s.show.Stats().Slow[transport]) }, "transport", transport)
	}
	for _, reason := range live.RefusalReasons() {
		m.CounterFunc("smartfactory_sessions_refused_total", func() float64 { return float64(s.show.Stats().Refused[reason]) }, "reason", reason)
	}
	for name, value := range map[string]func(live.Stats) int{
		"smartfactory_rooms":         func(of live.Stats) int { return of.Rooms },
		"smartfactory_subscriptions": func(of live.Stats) int { return of.Subscriptions },
	} {
		m.Gauge(name, func() float64 { return float64(value(s.show.Stats())) })
	}
	for name, value := range map[string]func(live.Stats) uint64{
		"smartfactory_deliveries_total":          func(of live.Stats) uint64 { return of.Deliveries },
		"smartfactory_room_messages_told_total":  func(of live.Stats) uint64 { return of.Published },
		"smartfactory_room_messages_heard_total": func(of live.Stats) uint64 { return of.Received },
		"smartfactory_room_gaps_total":           func(of live.Stats) uint64 { return of.Gaps },
		"smartfactory_room_repairs_total":        func(of live.Stats) uint64 { return of.Repairs },
	} {
		m.CounterFunc(name, func() float64 { return float64(value(s.show.Stats())) })
	}
	m.CounterFunc("smartfactory_frames_replaced_total", func() float64 {
		return float64(s.loop.Stats().Replaced + s.show.SocketIO().Engine().Stats().Replaced)
	})
	if s.broker == nil {
		return
	}
	m.Gauge("smartfactory_redis_connected", func() float64 {
		if s.ready() != nil {
			return 0
		}
		return 1
	})
	m.CounterFunc("smartfactory_redis_reconnects_total", func() float64 { return float64(max(s.broker.Stats().Connections, 1) - 1) })
	m.CounterFunc("smartfactory_redis_messages_dropped_total", func() float64 {
		return float64(s.broker.Stats().Dropped + s.adapter.Stats().Dropped)
	})
	m.CounterFunc("smartfactory_redis_messages_malformed_total", func() float64 { return float64(s.adapter.Stats().Malformed) })
}
