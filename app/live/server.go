package live

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/live/hub"
	"smart-factory-backend/app/websocket"
)

// Latest is where the first snapshot of a room comes from; a factory.Store is
// one.
type Latest interface {
	Latest(ctx context.Context, q factory.LatestQuery) (factory.LatestPage, error)
}

// Options configure New.
type Options struct {
	// Latest has the newest committed readings. It is needed.
	Latest Latest
	// Placement says where a machine stands; it must not wait. nil: nowhere.
	Placement func(machine string) (factory.Placement, bool)
	// Broker joins the rooms with those of other processes; nil: alone.
	Broker hub.Broker
	// BrokerState, if set, hears of the broker: nil when it is connected.
	OnBrokerState func(err error)
	// Keys decide what a session may do. It is needed.
	Keys *access.Keys
	// Ingest commits a body like that of POST /api/v1/telemetry and returns
	// its answer; nil: telemetry is refused.
	Ingest func(ctx context.Context, body []byte) IngestResult
	// Limit, if set, is asked before each request on a session, and says why it
	// is one too many.
	CheckRate func(Caller) (refused string)
	// Limits are those of sessions.
	Limits Limits
	// Serving is what the sessions of clients need. A Realtime without a Loop
	// serves none.
	Conn ConnOptions

	// Interval is the time over which telemetry is gathered (100 ms).
	Interval time.Duration
	// MaxRooms is how many rooms one session may have subscribed (100).
	MaxRooms int
	// SeedTimeout is how long the store may take for a room's first snapshot
	// (10 s).
	SnapshotTimeout time.Duration
	// RepairPause is the least time between two repairs of a room (1 s).
	ResyncInterval time.Duration
	// Heartbeat is how often a silent client gets a sign of life (25 s).
	Heartbeat time.Duration
	// Panicked is told of a panic that was contained in a goroutine of ours.
	OnPanic func(value any, stack []byte)
}

// Realtime has the rooms and the sessions. It is made by New; Run moves it.
type Server struct {
	options   Options
	conn      *ConnOptions
	upgrader  *websocket.Upgrader
	hub       *hub.Hub
	cache     *latestCache
	admission admission
	socketIO  socketIO
	counters  counters
	heartbeat heartbeat

	// stage is held while rooms change: what is shown, and who sees it. It is
	// taken before the hub's and the board's locks.
	roomsMu  sync.Mutex
	rooms    map[string]*roomState // that have sessions here, or soon
	retained retained
	epoch    uint64 // counts the times that something was shown
	closed   bool

	wakeCh chan struct{} // has one when Run has something to do
	ended  struct {
		sync.Mutex
		clients []*session
	}
	stale struct {
		sync.Mutex
		rooms map[string]bool
		wake  chan struct{}
	}
	running atomic.Bool
}

// audience is a room that is shown to sessions of this process.
type roomState struct {
	room room
	// users are its members, and those on the way in.
	refs   int
	loaded bool
	load   *roomLoad // the attempt that is under way; nil without one
	// The last snapshot, for as long as it holds.
	snapshot        *hub.Frame
	snapshotEpoch   uint64
	snapshotVersion uint64
}

// seeding is an attempt to read from the store what a room shows.
type roomLoad struct {
	done chan struct{} // closed when it has ended
	err  error         // set by then
}

// errStopped is what sessions get once Run has ended.
var errStopped = errors.New("the server is going away")

// New returns a Realtime that shows nothing yet.
func New(o Options) (*Server, error) {
	if o.Latest == nil || o.Keys == nil {
		return nil, errors.New("realtime: Latest and Keys are needed")
	}
	o.setDefaults()
	r := &Server{
		options: o, cache: newLatestCache(o.Placement), rooms: map[string]*roomState{},
		retained: newRetained(), wakeCh: make(chan struct{}, 1),
	}
	if o.Conn.Loop != nil {
		if err := o.Conn.setDefaults(); err != nil {
			return nil, err
		}
		r.conn = &o.Conn
	}
	r.stale.rooms, r.stale.wake = map[string]bool{}, make(chan struct{}, 1)
	r.admission.init(o.Limits)
	r.heartbeat.init(o.Heartbeat)
	r.hub = hub.New(hub.Options{
		Broker: o.Broker, OnMessage: r.onMessage, OnGap: r.markStale, OnInterest: r.onInterest, OnState: o.OnBrokerState,
	})
	if r.conn != nil {
		r.upgrader = r.newUpgrader()
		if err := r.newSocketIO(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (o *Options) setDefaults() {
	set := func(d *time.Duration, otherwise time.Duration) {
		if *d <= 0 {
			*d = otherwise
		}
	}
	set(&o.Interval, 100*time.Millisecond)
	set(&o.SnapshotTimeout, 10*time.Second)
	set(&o.ResyncInterval, time.Second)
	set(&o.Heartbeat, 25*time.Second)
	if o.MaxRooms <= 0 {
		o.MaxRooms = 100
	}
	if o.OnPanic == nil {
		o.OnPanic = func(any, []byte) {}
	}
}

// Run shows what changes until ctx ends, and then what has changed last. After
// it has returned, nobody is shown anything.
func (r *Server) Run(ctx context.Context) error {
	if r.running.Swap(true) {
		return hub.ErrRunning
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var err error
	wg.Go(func() { r.guard(func() { err = r.hub.Run(ctx) }) })
	wg.Go(func() { r.guard(func() { r.runResync(ctx) }) })
	wg.Go(func() { r.guard(func() { r.heartbeat.run(ctx) }) })
	r.runFlush(ctx)
	r.roomsMu.Lock()
	r.flushLocked()
	r.closed = true
	r.roomsMu.Unlock()
	cancel()
	wg.Wait()
	return err
}

// pump shows what changes, at most once per interval.
func (r *Server) runFlush(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	armed := false
	last := time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wakeCh:
			r.reap()
			if armed || !r.cache.pending() {
				continue
			}
			wait := r.options.Interval - time.Since(last)
			if wait > 0 {
				timer.Reset(wait)
				armed = true
				continue
			}
		case <-timer.C:
			armed = false
		}
		last = time.Now()
		r.guard(r.flush)
	}
}

func (r *Server) wake() {
	select {
	case r.wakeCh <- struct{}{}:
	default:
	}
}

func (r *Server) flush() {
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	r.flushLocked()
}

// showLocked sends what has changed to the members and to other processes.
func (r *Server) flushLocked() {
	show, tell := r.cache.flush(r.hub.Has)
	r.epoch++
	if r.closed {
		return
	}
	for _, p := range show {
		r.hub.Emit(p.room, eventTelemetry, p.data, true)
	}
	for _, p := range tell {
		r.hub.Publish(p.room, eventTelemetry, p.data)
	}
}

// Committed shows readings that were just committed, less those that the store
// refused. It does not wait, and keeps nothing of readings.
func (r *Server) PublishReadings(readings []factory.Reading, refused []factory.Rejection) {
	if r.cache.applyCommitted(readings, refused) {
		r.wake()
	}
}

// Forget drops a machine that was deleted, and Moved finds anew which line's
// room shows it.
func (r *Server) RemoveMachine(machine string) {
	rooms := r.roomsOf(machine)
	r.roomsMu.Lock()
	r.cache.remove(machine)
	r.retained.removeMachine(machine)
	r.roomsMu.Unlock()
	for _, room := range rooms {
		r.markStale(room)
	}
}

// Moved is to be called after a machine's placement has changed from before.
func (r *Server) MoveMachine(machine string, before factory.Placement) {
	r.cache.relocate(machine)
	for _, room := range append(r.roomsOf(machine), lineRoom(before)) {
		if room != roomAll {
			r.markStale(room)
		}
	}
}

// receive takes what another process has told of a room.
func (r *Server) onMessage(name, event string, data []byte) {
	if event == eventTelemetry {
		if readings, err := decodeReadings(data); err == nil && r.cache.applyRemote(readings) {
			r.wake()
		}
		return
	}
	payload, keep := decodeRetained(event, data)
	if keep == nil {
		return
	}
	clean, err := json.Marshal(payload)
	if err != nil {
		return
	}
	r.roomsMu.Lock()
	defer r.roomsMu.Unlock()
	keep(&r.retained)
	r.retained.version++
	if !r.closed {
		r.hub.Emit(name, event, clean, false)
	}
}

// want notes that another process wants a room, or not any more.
func (r *Server) onInterest(name string, yes bool) {
	room, err := parseRoom(name)
	if err != nil || room.kind == roomAlarms {
		return
	}
	if yes {
		r.cache.watch(room, false)
	} else {
		r.cache.unwatch(room, false)
	}
}

// decodeReadings reads the data of a telemetry event.
func decodeReadings(data []byte) ([]factory.Reading, error) {
	var event struct {
		Readings []struct {
			Machine, Metric string
			TS              int64
			Value           float64
		}
	}
	if err := json.Unmarshal(data, &event); err != nil {
		return nil, err
	}
	readings := make([]factory.Reading, 0, len(event.Readings))
	for _, e := range event.Readings {
		reading := factory.Reading{Machine: e.Machine, Metric: e.Metric, ObservedAt: e.TS, Value: e.Value}
		if factory.ValidateReading(reading, time.Now().UnixMilli()) == nil {
			readings = append(readings, reading)
		}
	}
	return readings, nil
}

// decodeKept reads the data of another event and returns how to keep it; nil
// for one that is not known.
func decodeRetained(event string, data []byte) (payload any, keep func(*retained)) {
	switch event {
	case eventState:
		var s State
		if json.Unmarshal(data, &s) == nil && s.Machine != "" {
			return s, func(k *retained) { k.states[s.Machine] = s }
		}
	case eventAlarm:
		var a Alarm
		if json.Unmarshal(data, &a) == nil && a.ID != "" {
			return a, func(k *retained) { k.setAlarm(a) }
		}
	case eventOEE:
		var o OEE
		if json.Unmarshal(data, &o) == nil && o.Machine+o.Line != "" {
			return o, func(k *retained) { k.oee[o.Line+"\x00"+o.Machine] = o }
		}
	}
	return nil, nil
}
