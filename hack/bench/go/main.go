// The peer on controller-runtime: a ConfigMap and a status for each Widget, as a user of the framework writes it.
//
// It says on stdout, as JSON lines, when it has reconciled for the first time ("first"), when it has had nothing to do
// for a second ("drained", with the time of its last reconcile), and its totals after SIGTERM ("end").
package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Counts are written by the reconciler and read by the reporter.
type Counts struct{ reconciles, writes, lastNano atomic.Int64 }

type Reconciler struct {
	client.Client
	counts *Counts
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	defer func() {
		r.counts.lastNano.Store(time.Now().UnixNano())
		r.counts.reconciles.Add(1)
	}()
	var widget Widget
	if err := r.Get(ctx, request.NamespacedName, &widget); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !widget.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	if err := r.haveChild(ctx, &widget); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{}, r.haveStatus(ctx, &widget)
}

func (r *Reconciler) haveChild(ctx context.Context, widget *Widget) error {
	wanted := map[string]string{"image": widget.Spec.Image}
	var child corev1.ConfigMap
	err := r.Get(ctx, client.ObjectKeyFromObject(widget), &child)
	if apierrors.IsNotFound(err) {
		child.ObjectMeta = metav1.ObjectMeta{Namespace: widget.Namespace, Name: widget.Name}
		child.Data = wanted
		if err := ctrl.SetControllerReference(widget, &child, r.Scheme()); err != nil {
			return err
		}
		r.counts.writes.Add(1)
		return client.IgnoreAlreadyExists(r.Create(ctx, &child))
	}
	if err != nil || equality.Semantic.DeepEqual(child.Data, wanted) {
		return err
	}
	child.Data = wanted
	r.counts.writes.Add(1)
	return r.Update(ctx, &child)
}

func (r *Reconciler) haveStatus(ctx context.Context, widget *Widget) error {
	before := widget.DeepCopy()
	widget.Status.ObservedGeneration = widget.Generation
	meta.SetStatusCondition(&widget.Status.Conditions, metav1.Condition{
		Type: "Ready", Status: metav1.ConditionTrue, Reason: "Converged", Message: "The ConfigMap exists.",
		ObservedGeneration: widget.Generation,
	})
	if equality.Semantic.DeepEqual(before.Status, widget.Status) {
		return nil
	}
	r.counts.writes.Add(1)
	return r.Status().Patch(ctx, widget, client.MergeFrom(before))
}

func say(event string, at time.Time, counts *Counts) {
	_ = json.NewEncoder(os.Stdout).Encode(map[string]any{
		"event": event, "time": float64(at.UnixNano()) / 1e9,
		"reconciles": counts.reconciles.Load(), "writes": counts.writes.Load(),
	})
}

// report watches the counts from outside, so that reconciling costs what it costs without a benchmark.
func report(ctx context.Context, counts *Counts) {
	for counts.reconciles.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	say("first", time.Now(), counts)
	for seen := int64(0); ctx.Err() == nil && seen != counts.reconciles.Load(); {
		seen = counts.reconciles.Load()
		time.Sleep(time.Second)
	}
	say("drained", time.Unix(0, counts.lastNano.Load()), counts)
}

func main() {
	workers := flag.Int("workers", 0, "reconciles at once; 0 is controller-runtime's default")
	fifo := flag.Bool("fifo", false, "the plain work queue in place of the priority queue")
	generation := flag.Bool("generation-only", false, "drop changes of Widgets that leave their generation as it is")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	scheme := runtime.NewScheme()
	must(clientgoscheme.AddToScheme(scheme))
	addWidgets(scheme)
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"},
	})
	must(err)
	options := controller.Options{MaxConcurrentReconciles: *workers}
	if *fifo {
		options.UsePriorityQueue = new(bool)
	}
	var filters []builder.ForOption
	if *generation {
		filters = append(filters, builder.WithPredicates(predicate.GenerationChangedPredicate{}))
	}
	counts := &Counts{}
	must(ctrl.NewControllerManagedBy(manager).For(&Widget{}, filters...).Owns(&corev1.ConfigMap{}).WithOptions(options).
		Complete(&Reconciler{Client: manager.GetClient(), counts: counts}))
	ctx := ctrl.SetupSignalHandler()
	go report(ctx, counts)
	must(manager.Start(ctx))
	say("end", time.Now(), counts)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
