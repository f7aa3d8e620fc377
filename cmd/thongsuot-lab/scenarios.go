package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"thongsuot/cmd/internal/program"
	"thongsuot/lab/scenarios"
)

// judge runs a file of labelled evidence, or the project's own, through the
// attribution of causes: one line a judgement. It ends with 1 when one is wrong.
func judge(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("scenarios", flag.ContinueOnError)
	flags.SetOutput(stderr)
	asJSON := flags.Bool("json", false, "one JSON object a line")
	if err := flags.Parse(args); err != nil {
		return program.ExitConfig
	}
	text := scenarios.Corpus()
	switch flags.NArg() {
	case 0:
	case 1:
		var err error
		if text, err = os.ReadFile(flags.Arg(0)); err != nil {
			return program.Fail(stderr, program.ExitConfig, fmt.Errorf("scenarios: %w", err))
		}
	default:
		return program.Fail(stderr, program.ExitConfig, errors.New("scenarios: want at most one file (flags come before it)"))
	}
	file, err := scenarios.Read(bytes.NewReader(text))
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	results, err := scenarios.Run(file)
	if err != nil {
		return program.Fail(stderr, program.ExitConfig, err)
	}
	wrong := 0
	encoder := json.NewEncoder(stdout)
	for _, r := range results {
		if !r.Right {
			wrong++
		}
		if *asJSON {
			_ = encoder.Encode(r) // the output went away
			continue
		}
		mark := "right"
		if !r.Right {
			mark = "WRONG"
		}
		fmt.Fprintf(stdout, "%s %s %s: expected %s; given %s\n", mark, r.ID, r.Phase, r.Expected, r.Given)
	}
	if !*asJSON {
		fmt.Fprintf(stdout, "%d judgements, %d wrong\n", len(results), wrong)
	}
	if wrong > 0 {
		return program.ExitFailed
	}
	return program.ExitOK
}
