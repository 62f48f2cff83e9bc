package api

import (
	"time"

	"github.com/valyala/fasthttp"
)

// The ThingsBoard dialect: devices that know their token and post to a path
// with it, and gateways that post for many devices. An answer has no body
// unless something was refused.

// postDeviceTelemetry is POST /api/v1/{token}/telemetry. The token is an API key
// and the machine the key's name; where there are no keys, the token is the
// machine.
func (a *API) postDeviceTelemetry(ctx *fasthttp.RequestCtx, c request) error {
	machine := c.principal.Name
	if machine == "" {
		machine = c.params[0]
	}
	return a.ingestThingsBoard(ctx, func(d *deviceDecoder) error { return d.device(machine) })
}

// postGatewayTelemetry is POST /api/v1/{token}/gateway/telemetry: the message that
// a gateway publishes to v1/gateway/telemetry over MQTT, machines by name.
func (a *API) postGatewayTelemetry(ctx *fasthttp.RequestCtx, _ request) error {
	return a.ingestThingsBoard(ctx, (*deviceDecoder).gateway)
}

func (a *API) ingestThingsBoard(ctx *fasthttp.RequestCtx, decode func(*deviceDecoder) error) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := acquireBatch()
	defer b.release()
	d := deviceDecoder{batch: b, s: scanner{b: body.data}, now: time.Now().UnixMilli(), max: a.options.MaxPoints}
	if err := located(decode(&d), body.data); err != nil {
		return err
	}
	accepted, err := a.store(b)
	if err != nil {
		return err
	}
	a.countPoints(accepted, b)
	if b.rejected > 0 {
		return partialWriteError(accepted, b)
	}
	return nil
}
