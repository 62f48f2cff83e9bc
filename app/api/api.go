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
	MaxBody, MaxUnpacked, MaxPoints int
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

	// Mounts are paths that other packages serve.
	Mounts []Mount

	// Faults are served as POST /api/faults/{name}; nil serves none.
	Faults map[string]fasthttp.RequestHandler
}

// API answers requests. Use its methods as a fasthttp server's Handler and
// ErrorHandler.
type API struct {
	options  Options
	static   map[string]*resource // by path
	patterns []*resource          // paths with {…} in them
	open     []openMount
	ids      requestIDs
	origins  atomic.Pointer[origins]
	clients  *limiter[netip.Addr]
	keys     *limiter[string]
	memory   memoryBudget
	answers  *answers

	unrouted *metrics.Route
	points   struct{ accepted, rejected, skipped *metrics.Counter }
	bytes    *metrics.Counter
	limited  *metrics.Counter
}

// New returns an API for the options.
func New(o Options) (*API, error) {
	if o.Store == nil || o.Runtime == nil || o.Health == nil || o.Metrics == nil || o.Keys == nil {
		return nil, errors.New("httpapi: Store, Runtime, Health, Metrics and Keys are needed")
	}
	o.InfluxMachineTag = cmp.Or(o.InfluxMachineTag, "machine")
	a := &API{
		options: o,
		static:  map[string]*resource{},
		ids:     newRequestIDs(),
		clients: newLimiter[netip.Addr](o.RateLimit, o.RateBurst),
		keys:    newLimiter[string](o.KeyRateLimit, o.KeyRateLimit),
	}
	a.memory.limit = o.IngestMemory
	a.answers = newAnswers(o.IngestMemory)
	a.AllowOrigins(o.AllowedOrigins)
	a.unrouted = o.Metrics.Route("other", "other")
	a.points.accepted = o.Metrics.Counter("smartfactory_ingest_points_total", "result", "accepted")
	a.points.rejected = o.Metrics.Counter("smartfactory_ingest_points_total", "result", "rejected")
	a.points.skipped = o.Metrics.Counter("smartfactory_ingest_strings_skipped_total")
	a.bytes = o.Metrics.Counter("smartfactory_ingest_body_bytes_total")
	a.limited = o.Metrics.Counter("smartfactory_http_rate_limited_total")
	a.route()
	a.mount()
	return a, nil
}

// AllowOrigins replaces the origins of web pages that may call.
func (a *API) AllowOrigins(list []string) { a.origins.Store(newOrigins(list)) }

// epoch is what the API's monotonic times are counted from.
var epoch = time.Now()

// Handler serves one request.
func (a *API) Handler(ctx *fasthttp.RequestCtx) {
	begin := time.Since(epoch) // cheaper than time.Now
	a.ids.set(ctx)
	rt := a.serve(ctx, begin)
	rt.Observe(ctx.Response.StatusCode(), float64(time.Since(epoch)-begin)/float64(time.Second))
}

// serve finds the route and runs it if the request may; it returns where to
// count the request.
func (a *API) serve(ctx *fasthttp.RequestCtx, now time.Duration) *metrics.Route {
	if !wellFormed(ctx) {
		return a.unrouted
	}
	if rt := a.serveOpen(ctx, now); rt != nil {
		return rt
	}
	res, c, err := a.find(ctx)
	if err != nil {
		fail(ctx, err)
		return a.unrouted
	}
	if !a.crossOrigin(ctx, res) {
		return a.unrouted
	}
	rt := res.route(ctx)
	if rt == nil {
		return a.unrouted
	}
	if !rt.probe {
		if c.who, err = a.admit(ctx, rt, c, now); err != nil {
			rt.fail(ctx, err)
			return rt.metrics
		}
	}
	if err := rt.handle(ctx, c); err != nil {
		rt.fail(ctx, err)
	}
	return rt.metrics
}

// admit applies the limits and the keys; it returns whose key it is.
func (a *API) admit(ctx *fasthttp.RequestCtx, rt *route, c call, now time.Duration) (who access.Principal, err error) {
	if err := a.admitClient(ctx, a.clientAddr(ctx), now); err != nil {
		return who, err
	}
	if rt.public || a.options.Keys.Open() {
		return who, nil
	}
	secret := secretOf(ctx)
	if rt.token {
		secret = []byte(c.args[0])
	}
	who, ok := a.options.Keys.Find(secret)
	if !ok {
		return who, &httpError{status: fasthttp.StatusUnauthorized, detail: "a valid API key is needed: Authorization: Bearer, or X-API-Key"}
	}
	if !rt.anyRole && !who.Role.Allows(rt.action) {
		return who, &httpError{status: fasthttp.StatusForbidden, detail: "key " + who.Name + " has the role " + who.Role.String() + ", which may not " + rt.action.String()}
	}
	if wait := a.keys.take(who.Name, now); wait > 0 {
		a.limited.Inc()
		return who, &httpError{status: fasthttp.StatusTooManyRequests, retryAfter: seconds(wait), detail: "too many requests with this key"}
	}
	return who, nil
}

// admitClient applies the limits of connections and addresses.
func (a *API) admitClient(ctx *fasthttp.RequestCtx, addr netip.Addr, now time.Duration) error {
	if limit := a.options.Runtime.OverLimit(ctx); limit != "" {
		return &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 5, detail: "too many " + limit}
	}
	if wait := a.clients.take(addr, now); wait > 0 {
		a.limited.Inc()
		return &httpError{status: fasthttp.StatusTooManyRequests, retryAfter: seconds(wait), detail: "too many requests from this address"}
	}
	return nil
}

// seconds rounds a wait up, as Retry-After wants it.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
