package api

import (
	"bufio"
	"cmp"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"smart-factory-backend/app/access"
	"smart-factory-backend/app/factory"
	"smart-factory-backend/app/observe/health"
	"smart-factory-backend/app/observe/metrics"

	"github.com/valyala/fasthttp"
)

// Runtime is what the routes need from whatever accepts the connections.
type Runtime interface {
	// StreamBody sends the body that write produces. write runs guarded in a
	// goroutine that the runtime waits for; an error from it cuts the
	// connection, so that the client can't take a part for the whole.
	StreamBody(ctx *fasthttp.RequestCtx, write func(w *bufio.Writer) error)
	// OverLimit names the connection limit that the request's connection is
	// beyond, "" for none. Such a connection gets answers to probes only.
	OverLimit(ctx *fasthttp.RequestCtx) string
	// Peer is the address at the other end of the connection.
	Peer(ctx *fasthttp.RequestCtx) netip.Addr
}

// Options configure New. All fields are needed unless they say otherwise.
type Options struct {
	Store   factory.Store
	Runtime Runtime
	Health  *health.Registry
	Metrics *metrics.Set
	Keys    *access.Keys

	// AllowedOrigins are the origins of web pages that may call; "*" is any.
	AllowedOrigins []string
	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix

	// RateLimit is the requests per second of one client address, RateBurst
	// how many may come at once; KeyRateLimit is that of one API key.
	RateLimit, RateBurst, KeyRateLimit int

	// MaxBody bounds a body as sent and MaxUnpacked after gzip, in bytes;
	// MaxPoints the readings in it.
	MaxBody, MaxDecompressed, MaxPoints int
	// IngestTimeout is how long a request may wait for its commit.
	IngestTimeout time.Duration
	// IngestMemory bounds the bodies that are held at one moment, in bytes, and
	// once more the history that is being sent.
	IngestMemory int64

	// InfluxMachineTag is the tag that names the machine in line protocol, by
	// default "machine"; InfluxMeasurement puts the measurement before the
	// name of a metric.
	InfluxMachineTag  string
	InfluxMeasurement bool

	// ExternalRoutes are paths that other packages serve.
	ExternalRoutes []ExternalRoute

	// Faults are served as POST /api/faults/{name}; nil serves none.
	Faults map[string]fasthttp.RequestHandler
}

// API answers requests. Use its methods as a fasthttp server's Handler and
// ErrorHandler.
type API struct {
	options        Options
	staticResources         map[string]*resource // by path
	patternResources       []*resource          // paths with {…} in them
	prefixRoutes   []prefixRoute
	requestIDs            requestIDSource
	origins        atomic.Pointer[allowedOrigins]
	addressLimiter *rateLimiter[netip.Addr]
	keyLimiter     *rateLimiter[string]
	bodyMemory     memoryBudget
	historyBudget  *historyBudget

	unrouted    *metrics.Route
	points      struct{ accepted, rejected, skipped *metrics.Counter }
	bodyBytes   *metrics.Counter
	rateLimited *metrics.Counter
}

// New returns an API for the options.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Runtime == nil || o.Health == nil || o.Metrics == nil || o.Keys == nil {
		return nil, errors.New("httpapi: Store, Runtime, Health, Metrics and Keys are needed")
	}
	o.InfluxMachineTag = cmp.Or(o.InfluxMachineTag, "machine")
	a := &API{
		options:        o,
		staticResources:         map[string]*resource{},
		requestIDs:            newRequestIDSource(),
		addressLimiter: newRateLimiter[netip.Addr](o.RateLimit, o.RateBurst),
		keyLimiter:     newRateLimiter[string](o.KeyRateLimit, o.KeyRateLimit),
	}
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

// epoch is what the API's monotonic times are counted from.
var epoch = time.Now()

// Handler serves one request.
func (a *API) Handler(ctx *fasthttp.RequestCtx) {
	begin := time.Since(epoch) // cheaper than time.Now
	a.requestIDs.setOnResponse(ctx)
	rt := a.dispatch(ctx, begin)
	rt.Observe(ctx.Response.StatusCode(), float64(time.Since(epoch)-begin)/float64(time.Second))
}

// dispatch finds the route and runs it if the request may; it returns where to
// count the request.
func (a *API) dispatch(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	if !checkProtocol(ctx) {
		return a.unrouted
	}
	if rt := a.servePrefix(ctx, now); rt != nil {
		return rt
	}
	res, c, err := a.findResource(ctx)
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
		if c.principal, err = a.authorize(ctx, rt, c, now); err != nil {
			rt.writeError(ctx, err)
			return rt.metrics
		}
	}
	if err := rt.handler(ctx, c); err != nil {
		rt.writeError(ctx, err)
	}
	return rt.metrics
}
