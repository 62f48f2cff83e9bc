package api

import (
	"time"

	"github.com/valyala/fasthttp"
)

// The ThingsBoard dialect: devices that know their token and post to a path
// with it, and gateways that post for many devices. An answer has no body
// unless something was refused.

// deviceTelemetry is POST /api/v1/{token}/telemetry. The token is an API key
// and the machine the key's name; where there are no keys, the token is the
// machine.
func (a *API) deviceTelemetry(ctx *fasthttp.RequestCtx, c call) error {
	machine := c.who.Name
	if machine == "" {
		machine = c.args[0]
	}
	return a.thingsboard(ctx, func(d *deviceDecoder) error { return d.device(machine) })
}

// gatewayTelemetry is POST /api/v1/{token}/gateway/telemetry: the message that
// a gateway publishes to v1/gateway/telemetry over MQTT, machines by name.
func (a *API) gatewayTelemetry(ctx *fasthttp.RequestCtx, _ call) error {
	return a.thingsboard(ctx, (*deviceDecoder).gateway)
}

func (a *API) thingsboard(ctx *fasthttp.RequestCtx, decode func(*deviceDecoder) error) error {
	body, err := a.readBody(ctx)
	defer body.release()
	if err != nil {
		return err
	}
	b := acquireBatch()
	defer b.release()
	d := deviceDecoder{batch: b, s: scanner{b: body.b}, now: time.Now().UnixMilli(), max: a.options.MaxPoints}
	if err := located(decode(&d), body.b); err != nil {
		return err
	}
	accepted, err := a.store(b)
	if err != nil {
		return err
	}
	a.count(accepted, b)
	if b.rejected > 0 {
		return partialWrite(accepted, b)
	}
	return nil
}
