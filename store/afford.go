package store

import (
	"fmt"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxSubquerySteps bounds the steps of a subquery, expr[range:step]. The engine
// reserves memory for all of them before it looks at any limit, so one short
// line of text could take all there is.
const maxSubquerySteps = 1_000_000

// subqueryStep is the step of a subquery that names none, the longest pace of a probe.
const subqueryStep = time.Minute

// samplePace is the pace of the densest series, a round every 10 s.
const samplePace = 10 * time.Second

// maxLooks bounds how often a query may look at the samples of one series. The
// engine sees its timeout between series only, and a function over a window
// looks at the whole window at each step: 11,000 steps over a window of a year
// would hold it for minutes. 500 million are some seconds.
const maxLooks = 500_000_000

// evaluation is the time over which an expression is evaluated, and its step.
type evaluation struct{ span, step time.Duration }

func (e evaluation) times() int64 { return int64(e.span/e.step) + 1 }

// affordable refuses a query whose cost the engine itself would not notice in time.
func affordable(text string, over evaluation) (Class, error) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(text)
	if err != nil {
		return ClassBadQuery, err
	}
	parser.Inspect(expr, func(node parser.Node, above []parser.Node) error {
		at := within(over, above)
		switch n := node.(type) {
		case *parser.SubqueryExpr:
			steps := int64((at.span + n.Range) / stepOf(n))
			if steps > maxSubquerySteps {
				err = fmt.Errorf("%d steps of %s are more than %d: take a longer step", steps, n, maxSubquerySteps)
			} else {
				err = looks(n, at, n.Range, stepOf(n))
			}
		case *parser.MatrixSelector:
			err = looks(n, at, n.Range, samplePace)
		}
		return err
	})
	return ClassTooMuch, err
}

// looks bounds the looks at a window of so long, with points of that pace.
func looks(n parser.Expr, at evaluation, window, pace time.Duration) error {
	all := at.times() * int64(window/pace+1)
	if all > maxLooks {
		return fmt.Errorf("%d evaluations of %s look at up to %d samples of one series, more than %d: take a longer step or a shorter window",
			at.times(), n, all, maxLooks)
	}
	return nil
}

// within is the evaluation of a node below those nodes: a subquery evaluates
// what is in it over its own range, too, at its own step.
func within(over evaluation, above []parser.Node) evaluation {
	for _, n := range above {
		if sub, ok := n.(*parser.SubqueryExpr); ok {
			over = evaluation{span: over.span + sub.Range, step: stepOf(sub)}
		}
	}
	return over
}

func stepOf(sub *parser.SubqueryExpr) time.Duration {
	if sub.Step == 0 {
		return subqueryStep
	}
	return sub.Step
}
