package api

import (
	"context"
	"strconv"
	"time"

	"smart-factory-backend/app/ingest/jsonscan"

	"github.com/valyala/fasthttp"
)

// Devices ask ThingsBoard for commands and for changes of shared attributes by requests
// that it answers when there is one. There are none here, but a device that asks
// must not do so in a tight loop.

// deviceWaitQuery are the parameters of the requests that wait.
var deviceWaitQuery = []Parameter{
	{Name: "timeout", Description: "How long to wait, in milliseconds, at most 300000; 0 means 60000.", Default: "0"},
}

// ThingsBoard's limits.
const (
	defaultDeviceWait = time.Minute
	maxDeviceWait     = 5 * time.Minute
)

// awaitNothing is GET /api/v1/{token}/rpc and GET /api/v1/{token}/attributes/updates.
// It responds as ThingsBoard does when nothing comes: with an empty 408 after the
// time that the device sets. It responds earlier when the process shuts down.
func (a *API) awaitNothing(rc *fasthttp.RequestCtx, r request) error {
	d := defaultDeviceWait
	if text := r.query["timeout"]; text != "" && text != "0" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil || ms < 0 {
			return invalidParam("timeout", strconv.Quote(jsonscan.Excerpt(text))+" is not a number of milliseconds")
		}
		d = min(time.Duration(min(ms, maxDeviceWait.Milliseconds()))*time.Millisecond, maxDeviceWait)
	}
	disconnected := a.await(rc, d, func(ctx context.Context) { <-ctx.Done() })
	if disconnected || a.waits.Err() != nil {
		rc.SetConnectionClose()
	}
	rc.SetStatusCode(fasthttp.StatusRequestTimeout)
	return nil
}

// postDeviceRPCReply is POST /api/v1/{token}/rpc/{request}, a device's reply to a command.
func (a *API) postDeviceRPCReply(_ *fasthttp.RequestCtx, r request) error {
	return &httpError{status: fasthttp.StatusNotFound, detail: "there is no command " + strconv.Quote(jsonscan.Excerpt(r.params[1])) + ": this server sends none to devices"}
}
