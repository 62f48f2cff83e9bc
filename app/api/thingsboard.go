package api

import (
	"smart-factory-backend/app/ingest"
	"smart-factory-backend/app/ingest/thingsboard"

	"github.com/valyala/fasthttp"
)

// ThingsBoard's HTTP API: devices and gateways post to a path that holds their
// access token. A successful response has no body.

// postDeviceTelemetry is POST /api/v1/{token}/telemetry. The token is an API key,
// and the key's name is the machine. Without configured keys, the token itself is
// the machine.
func (a *API) postDeviceTelemetry(ctx *fasthttp.RequestCtx, r request) error {
	machine := r.principal.Name
	if machine == "" {
		machine = r.params[0]
	}
	decode := func(b *ingest.Batch, body []byte) error { return thingsboard.DecodeDevice(b, body, machine) }
	return a.ingestBody(ctx, r, decode, checkAllAccepted)
}

// postGatewayTelemetry is POST /api/v1/{token}/gateway/telemetry. The body is the
// message that a gateway publishes to v1/gateway/telemetry over MQTT.
func (a *API) postGatewayTelemetry(ctx *fasthttp.RequestCtx, req request) error {
	return a.ingestBody(ctx, req, thingsboard.DecodeGateway, checkAllAccepted)
}
