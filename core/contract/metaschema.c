/* The metaschemas of JSON Schema draft 2020-12, for schemas that refer to them. */
#include "contract/compiler.h"

#include <string.h>

#define BASE "https://json-schema.org/draft/2020-12/"
#define HEAD(name) "{\"$schema\":\"" BASE "schema\",\"$id\":\"" BASE name "\","
#define META(name)                                                                                 \
    HEAD("meta/" name)                                                                             \
    "\"$vocabulary\":{\"" BASE "vocab/" name "\":true},"                                           \
    "\"$dynamicAnchor\":\"meta\",\"type\":[\"object\",\"boolean\"],\"properties\":{"
#define SCHEMA "{\"$dynamicRef\":\"#meta\"}"
#define SCHEMAS "{\"type\":\"object\",\"additionalProperties\":" SCHEMA ",\"default\":{}}"
#define LIST "{\"$ref\":\"#/$defs/schemaArray\"}"
#define COUNT "{\"type\":\"integer\",\"minimum\":0}"
#define NUMBER "{\"type\":\"number\"}"
#define STRING "{\"type\":\"string\"}"
#define FLAG "{\"type\":\"boolean\",\"default\":false}"
#define NAMES "{\"type\":\"array\",\"items\":" STRING ",\"uniqueItems\":true,\"default\":[]}"
#define URI_REFERENCE "{\"type\":\"string\",\"format\":\"uri-reference\"}"
#define ANCHOR "{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][-A-Za-z0-9._]*$\"}"
#define TYPES "[\"array\",\"boolean\",\"integer\",\"null\",\"number\",\"object\",\"string\"]"

static const char schema[] = HEAD(
    "schema") "\"$vocabulary\":{\"" BASE "vocab/core\":true,\"" BASE
              "vocab/applicator\":true,\"" BASE "vocab/unevaluated\":true,\"" BASE
              "vocab/validation\":true,\"" BASE "vocab/meta-data\":true,\"" BASE
              "vocab/format-annotation\":true,\"" BASE
              "vocab/content\":true},\"$dynamicAnchor\":\"meta\","
              "\"allOf\":[{\"$ref\":\"meta/core\"},{\"$ref\":\"meta/applicator\"},"
              "{\"$ref\":\"meta/unevaluated\"},{\"$ref\":\"meta/validation\"},{\"$ref\":\"meta/"
              "meta-data\"},"
              "{\"$ref\":\"meta/format-annotation\"},{\"$ref\":\"meta/content\"}],"
              "\"type\":[\"object\",\"boolean\"],\"properties\":{\"definitions\":" SCHEMAS
              ",\"dependencies\":{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[" SCHEMA
              ",{\"$ref\":\"meta/validation#/$defs/stringArray\"}]},\"default\":{}},"
              "\"$recursiveAnchor\":{\"$ref\":\"meta/core#/$defs/anchorString\"},"
              "\"$recursiveRef\":{\"$ref\":\"meta/core#/$defs/uriReferenceString\"}}}";

static const char core[] =
    META("core") "\"$id\":{\"$ref\":\"#/$defs/uriReferenceString\",\"pattern\":\"^[^#]*#?$\"},"
                 "\"$schema\":{\"$ref\":\"#/$defs/uriString\"},"
                 "\"$ref\":{\"$ref\":\"#/$defs/uriReferenceString\"},"
                 "\"$anchor\":{\"$ref\":\"#/$defs/anchorString\"},"
                 "\"$dynamicRef\":{\"$ref\":\"#/$defs/uriReferenceString\"},"
                 "\"$dynamicAnchor\":{\"$ref\":\"#/$defs/anchorString\"},"
                 "\"$vocabulary\":{\"type\":\"object\",\"propertyNames\":{\"$ref\":\"#/$defs/"
                 "uriString\"},"
                 "\"additionalProperties\":{\"type\":\"boolean\"}},\"$comment\":" STRING
                 ",\"$defs\":" SCHEMAS "},\"$defs\":{\"anchorString\":" ANCHOR
                 ",\"uriString\":{\"type\":\"string\",\"format\":\"uri\"},"
                 "\"uriReferenceString\":" URI_REFERENCE "}}";

static const char applicator[] = META(
    "applicator") "\"prefixItems\":" LIST ",\"items\":" SCHEMA ",\"contains\":" SCHEMA
                  ",\"additionalProperties\":" SCHEMA ",\"properties\":" SCHEMAS
                  ",\"patternProperties\":{\"type\":\"object\",\"additionalProperties\":" SCHEMA
                  ",\"propertyNames\":{\"format\":\"regex\"},\"default\":{}},"
                  "\"dependentSchemas\":" SCHEMAS ",\"propertyNames\":" SCHEMA ",\"if\":" SCHEMA
                  ",\"then\":" SCHEMA ",\"else\":" SCHEMA ",\"allOf\":" LIST ",\"anyOf\":" LIST
                  ",\"oneOf\":" LIST ",\"not\":" SCHEMA "},\"$defs\":{\"schemaArray\":{\"type\":"
                  "\"array\",\"minItems\":1,\"items\":" SCHEMA "}}}";

static const char unevaluated[] =
    META("unevaluated") "\"unevaluatedItems\":" SCHEMA ",\"unevaluatedProperties\":" SCHEMA "}}";

static const char validation[] = META(
    "validation") "\"type\":{\"anyOf\":[{\"$ref\":\"#/$defs/simpleTypes\"},{\"type\":\"array\","
                  "\"items\":{\"$ref\":\"#/$defs/"
                  "simpleTypes\"},\"minItems\":1,\"uniqueItems\":true}]},"
                  "\"const\":true,\"enum\":{\"type\":\"array\",\"items\":true},"
                  "\"multipleOf\":{\"type\":\"number\",\"exclusiveMinimum\":0},\"maximum\":" NUMBER
                  ",\"exclusiveMaximum\":" NUMBER ",\"minimum\":" NUMBER
                  ",\"exclusiveMinimum\":" NUMBER ",\"maxLength\":" COUNT ",\"minLength\":" COUNT
                  ",\"pattern\":{\"type\":\"string\",\"format\":\"regex\"},\"maxItems\":" COUNT
                  ",\"minItems\":" COUNT ",\"uniqueItems\":" FLAG ",\"maxContains\":" COUNT
                  ",\"minContains\":" COUNT ",\"maxProperties\":" COUNT ",\"minProperties\":" COUNT
                  ",\"required\":" NAMES
                  ",\"dependentRequired\":{\"type\":\"object\",\"additionalProperties\":" NAMES
                  "}},\"$defs\":{\"nonNegativeInteger\":" COUNT ",\"simpleTypes\":{\"enum\":" TYPES
                  "},\"stringArray\":" NAMES "}}";

static const char meta_data[] =
    META("meta-data") "\"title\":" STRING ",\"description\":" STRING ",\"default\":true,"
                      "\"deprecated\":" FLAG ",\"readOnly\":" FLAG ",\"writeOnly\":" FLAG
                      ",\"examples\":{\"type\":\"array\",\"items\":true}}}";

static const char format_annotation[] = META("format-annotation") "\"format\":" STRING "}}";
static const char format_assertion[] = META("format-assertion") "\"format\":" STRING "}}";
static const char content[] =
    META("content") "\"contentEncoding\":" STRING ",\"contentMediaType\":" STRING
                    ",\"contentSchema\":" SCHEMA "}}";

static const struct {
    const char *name, *text;
} metaschemas[] = {
    {"schema", schema},
    {"meta/core", core},
    {"meta/applicator", applicator},
    {"meta/unevaluated", unevaluated},
    {"meta/validation", validation},
    {"meta/meta-data", meta_data},
    {"meta/format-annotation", format_annotation},
    {"meta/format-assertion", format_assertion},
    {"meta/content", content},
};

const char *bb_metaschema_find(const char *uri)
{
    if (!g_str_has_prefix(uri, BASE))
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(metaschemas); i++) {
        if (strcmp(uri + strlen(BASE), metaschemas[i].name) == 0)
            return metaschemas[i].text;
    }
    return NULL;
}
