package api

import (
	"encoding/json"
	"time"

	"github.com/valyala/fasthttp"
)

// What InfluxDB's clients look at before they write.

// influxVersion is the version of InfluxDB whose write API this is, which v1 clients
// read from a header.
const (
	influxVersion       = "1.8.10"
	influxVersionHeader = "X-Influxdb-Version"
)

// getInfluxPing is GET /ping.
func (a *API) getInfluxPing(ctx *fasthttp.RequestCtx) {
	setInfluxVersion(ctx)
	if verbose := ctx.QueryArgs().Peek("verbose"); len(verbose) > 0 && string(verbose) != "0" && string(verbose) != "false" {
		writeInfluxJSON(ctx, map[string]string{"version": influxVersion})
		return
	}
	ctx.SetStatusCode(fasthttp.StatusNoContent)
}

func setInfluxVersion(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.Set(influxVersionHeader, influxVersion)
	ctx.Response.Header.Set("X-Influxdb-Build", "OSS")
}

func writeInfluxJSON(ctx *fasthttp.RequestCtx, value any) {
	body, _ := json.Marshal(value) // strings and numbers only
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	ctx.SetBody(body)
}

// getInfluxHealth is GET /health, the readiness probe in InfluxDB's form.
func (a *API) getInfluxHealth(ctx *fasthttp.RequestCtx) {
	ctx.Response.Header.SetContentTypeBytes(jsonType)
	if _, ok := a.options.Health.Ready(); !ok {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		ctx.SetBodyString(`{"name":"smart-factory-backend","message":"not ready for writes","status":"fail"}`)
		return
	}
	ctx.SetBodyString(`{"name":"smart-factory-backend","message":"ready for writes","status":"pass"}`)
}

// influxReadyJSON is the body of GET /ready.
type influxReadyJSON struct {
	Status string `json:"status"`
	// Started is when the process began.
	Started string `json:"started"`
	// Up is how long ago that was.
	Up string `json:"up"`
}

// getInfluxReady is GET /ready.
func (a *API) getInfluxReady(ctx *fasthttp.RequestCtx) {
	if _, ok := a.options.Health.Ready(); !ok {
		writeInfluxError(ctx, &httpError{status: fasthttp.StatusServiceUnavailable, retryAfter: 1, detail: "not ready for writes"})
		return
	}
	up := time.Since(epoch).Round(time.Second)
	writeInfluxJSON(ctx, influxReadyJSON{"ready", epoch.UTC().Format(time.RFC3339), up.String()})
}

// influxBucketsJSON is the body of GET /api/v2/buckets.
type influxBucketsJSON struct {
	Buckets []influxBucketJSON `json:"buckets"`
}

type influxBucketJSON struct {
	ID             string `json:"id"`
	OrgID          string `json:"orgID"`
	Type           string `json:"type"`
	Name           string `json:"name"`
	RetentionRules []int  `json:"retentionRules"`
}

// influxBucket is the name of the one bucket that there is. Writes may name any.
const influxBucket = "factory"

// getInfluxBuckets is GET /api/v2/buckets. There is a bucket of every name that a
// client asks for, since writes to any name are accepted.
func (a *API) getInfluxBuckets(ctx *fasthttp.RequestCtx, _ request) error {
	name := string(ctx.QueryArgs().Peek("name"))
	if name == "" {
		name = influxBucket
	}
	writeInfluxJSON(ctx, influxBucketsJSON{[]influxBucketJSON{
		{ID: "0000000000000001", OrgID: "0000000000000001", Type: "user", Name: name, RetentionRules: []int{}},
	}})
	return nil
}
