package api

import (
	"context"

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
	return a.ingestThingsBoard(ctx, func(b *ingest.Batch, body []byte) error {
		return thingsboard.DecodeDevice(b, body, machine)
	})
}

// postGatewayTelemetry is POST /api/v1/{token}/gateway/telemetry. The body is the
// message that a gateway publishes to v1/gateway/telemetry over MQTT.
func (a *API) postGatewayTelemetry(ctx *fasthttp.RequestCtx, _ request) error {
	return a.ingestThingsBoard(ctx, thingsboard.DecodeGateway)
}

func (a *API) ingestThingsBoard(ctx *fasthttp.RequestCtx, decode func(b *ingest.Batch, body []byte) error) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := a.newBatch()
	defer b.Release()
	if err := decode(b, body.data); err != nil {
		return err
	}
	accepted, err := a.commit(context.Background(), b)
	if err != nil {
		return err
	}
	if b.Rejected > 0 {
		return partialWriteError(accepted, b)
	}
	return nil
}
