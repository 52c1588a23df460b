package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	_ "golang.org/x/crypto/x509roots/fallback" // The image has no certificates, and a webhook may be far away.

	"github.com/im2-audio/im2/pipeline/notify"
	"github.com/im2-audio/im2/pipeline/service"
)

// checkWebhook says what is wrong with the address of the webhook, and does not show it: there may be a secret in it.
func checkWebhook() error {
	if err := notify.CheckURL(os.Getenv(notify.Setting)); err != nil {
		return fmt.Errorf("%s: %w; set it in .env.local and run `mage up`", notify.Setting, err)
	}
	return nil
}

// notifyWebhook tells the webhook, if there is one, until ctx ends. What it returns waits for that.
func notifyWebhook(ctx context.Context, env *service.Env) (wait func()) {
	var running sync.WaitGroup
	if address := os.Getenv(notify.Setting); address != "" {
		env.Log.Info("telling a webhook of songs that are done or failed")
		running.Go(func() { notify.New(env.Data, address, env.Log).Run(ctx) })
	}
	return running.Wait
}
