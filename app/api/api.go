package api

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/ingest/lineprotocol"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// Runtime is what the API needs from the code that accepts connections.
type Runtime interface {
	// StreamBody sends the body that write produces. The runtime runs write in a
	// goroutine, recovers its panics and waits for its end. An error from write
	// closes the connection, so that the client notices the truncated body.
	StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error)
	// Await returns how the handler of a request waits.
	Await(ctx *fasthttp.RequestCtx) Wait
	// OverLimit names the connection limit that the request's connection exceeds,
	// "" for none. On such a connection only probes are served.
	OverLimit(ctx *fasthttp.RequestCtx) string
	// LongRequestLine reports whether the request line of a request whose header is
	// too large does not end.
	LongRequestLine(ctx *fasthttp.RequestCtx) bool
	// Peer returns the address of the connection's other end.
	Peer(ctx *fasthttp.RequestCtx) netip.Addr
}

// Wait lets a handler wait, and notices if its client disconnects meanwhile. It is
// used once. Wake ends the wait, from any goroutine and any number of times; Wait
// reports whether the client has disconnected.
type Wait interface {
	Wake()
	Wait() (disconnected bool)
}

// Options configures New. All fields are required unless they say otherwise.
type Options struct {
	Store   factory.Store
	Runtime Runtime
	Health  *health.Registry
	Metrics *metrics.Set
	Keys    *access.Keys
	// OEE computes figures of the same store.
	OEE    OEE
	Alarms Alarms
	// MaxShelve is the longest time for which an alarm can be shelved.
	MaxShelve time.Duration
	// Timelines reads the same store.
	Timelines Timelines
	// AutoRegister lets events register their machine, as readings do.
	AutoRegister bool

	// AllowedOrigins are the origins whose web pages may call, besides the server's
	// own. It may be empty.
	AllowedOrigins access.Origins
	// AllowedHosts are the names of the server, which a request must have while
	// there are no keys. It may be empty.
	AllowedHosts access.Hosts
	// OnRefusal, if set, receives each request that was refused for its origin, its
	// host, its key or the size of its header; kind is one of Refusals, and value what was refused or whose
	// key it was. It is called concurrently and must not block.
	OnRefusal func(kind, value string)
	// TrustedProxies are the peers whose X-Forwarded-* and Forwarded headers are
	// used. It may be empty.
	TrustedProxies []netip.Prefix

	// RateLimit is the most requests per second of a client address and RateBurst
	// the most at once. KeyRateLimit is both for an API key.
	RateLimit, RateBurst, KeyRateLimit int

	// MaxBody is the largest body as sent, and MaxDecompressed the largest after
	// decompression, in bytes. MaxPoints is the most points in a body.
	MaxBody, MaxDecompressed, MaxPoints int
	// IngestTimeout is how long a write may wait for its commit.
	IngestTimeout time.Duration
	// IngestMemory bounds the memory of all request bodies at a time, in bytes.
	// The same amount again is for history that is being sent.
	IngestMemory int64

	// InfluxMachineTag is the tag that names the machine in line protocol,
	// "machine" by default.
	InfluxMachineTag string
	// InfluxNaming returns how line protocol names metrics in this store, and which
	// metrics keep earlier names; an error is the response. It is called until it
	// succeeds. nil means measurement, field and tags.
	InfluxNaming func(context.Context) (LineNaming, EarlierLineNaming, error)

	// ExternalRoutes are served by other packages. It may be empty.
	ExternalRoutes []ExternalRoute

	// Faults are the handlers of POST /api/faults/{name}, for tests of the whole
	// server. It may be empty.
	Faults map[string]fasthttp.RequestHandler
}

// API serves HTTP requests. Its methods Handler and ErrorHandler are for the
// fields of the same names of a fasthttp.Server.
type API struct {
	options          Options
	staticResources  map[string]*resource // by path
	patternResources []*resource          // whose paths have parameters
	prefixRoutes     []prefixRoute
	requestIDs       requestIDSource
	origins          atomic.Pointer[access.Origins]
	addressLimiter   *rateLimiter[netip.Addr]
	keyLimiter       *rateLimiter[string]
	wrongKeyLimiter  *rateLimiter[netip.Addr]
	bodyMemory       memoryBudget
	historyBudget    *historyBudget
	waits            context.Context // of requests that wait for an event
	endWaits         context.CancelFunc

	lines       atomic.Pointer[lineprotocol.Decoder] // nil until the naming is known
	unrouted    *metrics.Route
	points      struct{ accepted, rejected, skipped *metrics.Counter }
	bodyBytes   *metrics.Counter
	rateLimited *metrics.Counter
}

// New returns an API. It fails if a required option is missing.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Runtime == nil || o.Health == nil || o.Metrics == nil || o.Keys == nil || o.OEE == nil || o.Timelines == nil {
		return nil, errors.New("api: Store, Runtime, Health, Metrics, Keys, OEE and Timelines are required")
	}
	o.InfluxMachineTag = cmp.Or(o.InfluxMachineTag, "machine")
	a := &API{
		options:         o,
		staticResources: map[string]*resource{},
		requestIDs:      newRequestIDSource(),
		addressLimiter:  newRateLimiter[netip.Addr](o.RateLimit, o.RateBurst),
		keyLimiter:      newRateLimiter[string](o.KeyRateLimit, o.KeyRateLimit),
		wrongKeyLimiter: newRateLimiter[netip.Addr](wrongKeysPerSecond, wrongKeysBurst),
	}
	a.waits, a.endWaits = context.WithCancel(context.Background())
	a.bodyMemory.limit = o.IngestMemory
	a.historyBudget = newHistoryBudget(o.IngestMemory)
	a.SetAllowedOrigins(o.AllowedOrigins)
	a.unrouted = o.Metrics.Route("other", "other")
	a.points.accepted = o.Metrics.Counter("smartfactory_ingest_points_total", "result", "accepted")
	a.points.rejected = o.Metrics.Counter("smartfactory_ingest_points_total", "result", "rejected")
	a.points.skipped = o.Metrics.Counter("smartfactory_ingest_strings_skipped_total")
	a.bodyBytes = o.Metrics.Counter("smartfactory_ingest_body_bytes_total")
	a.rateLimited = o.Metrics.Counter("smartfactory_http_rate_limited_total")
	a.registerRoutes()
	a.registerExternalRoutes()
	return a, nil
}

// epoch is the origin of the times that the rate limiters use.
var epoch = time.Now()

// sinceEpoch is cheaper than time.Now.
func sinceEpoch() time.Duration { return time.Since(epoch) }

// Handler serves one request.
func (a *API) Handler(ctx *fasthttp.RequestCtx) {
	begin := sinceEpoch()
	a.requestIDs.setOnResponse(ctx)
	rt := a.dispatch(ctx, begin)
	rt.Observe(ctx.Response.StatusCode(), float64(sinceEpoch()-begin)/float64(time.Second))
}

// dispatch finds the route, authorizes the request and runs the handler. It
// returns the metrics of the route.
func (a *API) dispatch(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	if !checkProtocol(ctx) {
		return a.unrouted
	}
	if rt := a.servePrefix(ctx, now); rt != nil {
		return rt
	}
	res, r, err := a.findResource(ctx)
	if err != nil {
		writeProblem(ctx, err)
		return a.unrouted
	}
	if !a.applyCORS(ctx, res) {
		return a.unrouted
	}
	rt := res.selectRoute(ctx)
	if rt == nil {
		return a.unrouted
	}
	if !rt.probe {
		if err = a.checkSender(ctx); err != nil {
			rt.writeError(ctx, err)
			return rt.metrics
		}
		var authorized bool // by ExpectHandler: a request counts once for the limits
		if r.principal, authorized = ctx.UserValue(authorizedKey{}).(access.Principal); !authorized {
			r.principal, err = a.authorize(ctx, rt, r, now)
		}
		if err != nil {
			rt.writeError(ctx, err)
			return rt.metrics
		}
	}
	if rt.query != nil {
		r.query, err = parseQuery(ctx, rt.query)
	}
	if err == nil {
		err = rt.handler(ctx, r)
	}
	if err != nil {
		rt.writeError(ctx, err)
	}
	return rt.metrics
}
