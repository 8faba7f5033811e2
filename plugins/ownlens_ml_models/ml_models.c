/* The machine learning domain: predictions of models, and what really happened. The contract says
 * it all. */
#include "model_prediction.contract.h"
#include "ownlens.h"

static const busbar_event_type model_prediction = {
    .struct_size = sizeof(model_prediction),
    .name = "model_prediction",
    .summary = "A prediction of a model",
    .topic = "model-predictions",
    .group = "model-prediction-consumer-group",
    .contract = model_prediction_contract,
};

static const busbar_event_type *const event_types[] = {&model_prediction};

const busbar_plugin_descriptor busbar_plugin = {
    BUSBAR_DESCRIPTOR_HEAD, /* magic, size and ABI version */
    .name = "ownlens_ml_models",
    .version = OWNLENS_VERSION,
    .summary = "OWNLENS machine learning domain: model predictions",
    .event_type_count = 1,
    .event_types = event_types,
};
