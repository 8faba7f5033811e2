/* The data quality domain: how good a table was on a day, counted by grade. */
#include "counting.h"
#include "quality_metric.contract.h"

static const ownlens_tally_plan plan = {
    .member = "quality_grade",
    .prefix = "quality_metrics_grade",
    .help = "Quality metrics handled, by grade",
    .values = {"A", "B", "C", "D", "F"},
};

static int32_t create(busbar_call *call, busbar_bytes config, void **ret_self)
{
    (void)config; /* it has no settings */
    return ownlens_counting_create(call, &plan, ret_self);
}

static const busbar_event_ops ops = {
    .struct_size = sizeof(ops),
    .handle = ownlens_counting_handle,
};

static const busbar_event_type quality_metric = {
    .struct_size = sizeof(quality_metric),
    .name = "quality_metric",
    .summary = "How complete and correct a table was on a day",
    .topic = "quality-metrics",
    .group = "quality-metric-consumer-group",
    .contract = quality_metric_contract,
    .ops = &ops,
    .create = create,
    .destroy = ownlens_counting_destroy,
};

static const busbar_event_type *const event_types[] = {&quality_metric};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_data_quality",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS data quality domain: quality metrics",
    .event_type_count = 1,
    .event_types = event_types,
};
