// Package webhook receives the alerts that Metlo posts to webhooks.
//
// A [Handler] is an [http.Handler]. It checks the request, answers at once, and calls back afterwards. With a [Store]
// it stores each alert before the answer and removes it after the callback, so no alert is lost when the process dies:
//
//	store, err := webhook.OpenFolder("/var/lib/metlo-webhooks")
//	if err != nil {
//		return err
//	}
//	handler := webhook.NewHandler(func(ctx context.Context, event *metlo.WebhookEvent) error {
//		return notify(ctx, event.Alert.ToAlert())
//	}, webhook.WithToken(os.Getenv("METLO_WEBHOOK_TOKEN")), webhook.WithStore(store))
//
// [Parse] only parses one delivery. The service that adds and lists webhooks is client.Webhooks of [metlo.Client].
package webhook
