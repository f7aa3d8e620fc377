package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"thongsuot/alerting"
	"thongsuot/central"
	"thongsuot/cmd/internal/program"
	"thongsuot/lang"
)

// alert shows what would be told, or tells one receiver that it is a test.
func alert(ctx context.Context, cfg central.Config, args []string, language string, stdout, stderr io.Writer) int {
	if err := cfg.Validate(); err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	switch {
	case len(args) == 1 && args[0] == "preview":
		if language == "" {
			language = cfg.Alerting.Language
		}
		if language != string(lang.Vi) && language != string(lang.En) {
			return program.Fail(stderr, program.ExitConfig, fmt.Errorf("-lang: want vi or en (got %q)", language))
		}
		zone, err := time.LoadLocation(cfg.Zone)
		if err == nil {
			err = cfg.Alerting.Preview(stdout, lang.Lang(language), zone)
		}
		if err != nil {
			return program.Fail(stderr, program.ExitFailed, err)
		}
		return program.ExitOK
	case len(args) == 2 && args[0] == "test":
		return alertTest(ctx, cfg, args[1], stdout, stderr)
	default:
		return program.Fail(stderr, program.ExitConfig, errors.New("alert: want preview, or test and a receiver"))
	}
}

func alertTest(ctx context.Context, cfg central.Config, receiver string, stdout, stderr io.Writer) int {
	r, err := loadRegistry(cfg)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	notifiers, err := cfg.Alerting.Notifiers(program.Log(stderr))
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	if err := alerting.Test(ctx, cfg.Alerting, notifiers, r, receiver); err != nil {
		return program.Fail(stderr, program.ExitFailed, fmt.Errorf("alert test: %w", err))
	}
	fmt.Fprintf(stdout, "a test message was sent to %s\n", receiver)
	return program.ExitOK
}
