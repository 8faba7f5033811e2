// Layout of the public structs on machines with 64-bit pointers. A line here changes only together
// with docs/abi-history.md: members are added at the end of a struct, and nothing that is here ever
// moves.
#include <cstring>
#include <string>

#include <gtest/gtest.h>

#include "layout.h"
#include <busbar/version.h>

static const layout_entry expected[] = {
    {"busbar_bytes", nullptr, 16, 0},
    {"busbar_bytes", "data", 0, 8},
    {"busbar_bytes", "size", 8, 8},
    {"busbar_value", nullptr, 24, 0},
    {"busbar_value", "type", 0, 4},
    {"busbar_value", "escaped", 4, 4},
    {"busbar_value", "json", 8, 16},
    {"busbar_header", nullptr, 32, 0},
    {"busbar_header", "name", 0, 16},
    {"busbar_header", "value", 16, 16},
    {"busbar_origin", nullptr, 88, 0},
    {"busbar_origin", "struct_size", 0, 4},
    {"busbar_origin", "partition", 4, 4},
    {"busbar_origin", "offset", 8, 8},
    {"busbar_origin", "timestamp_ms", 16, 8},
    {"busbar_origin", "topic", 24, 16},
    {"busbar_origin", "key", 40, 16},
    {"busbar_origin", "value", 56, 16},
    {"busbar_origin", "attempt", 72, 4},
    {"busbar_origin", "header_count", 76, 4},
    {"busbar_origin", "headers", 80, 8},
    {"busbar_record", nullptr, 72, 0},
    {"busbar_record", "struct_size", 0, 4},
    {"busbar_record", "partition", 4, 4},
    {"busbar_record", "topic", 8, 16},
    {"busbar_record", "key", 24, 16},
    {"busbar_record", "value", 40, 16},
    {"busbar_record", "header_count", 56, 4},
    {"busbar_record", "reserved", 60, 4},
    {"busbar_record", "headers", 64, 8},
    {"busbar_call", nullptr, 24, 0},
    {"busbar_call", "struct_size", 0, 4},
    {"busbar_call", "stage", 4, 4},
    {"busbar_call", "host", 8, 8},
    {"busbar_call", "deadline_ms", 16, 8},
    {"busbar_batch", nullptr, 16, 0},
    {"busbar_batch", "struct_size", 0, 4},
    {"busbar_batch", "count", 4, 4},
    {"busbar_batch", "events", 8, 8},
    {"busbar_host", nullptr, 176, 0},
    {"busbar_host", "struct_size", 0, 4},
    {"busbar_host", "abi_major", 4, 2},
    {"busbar_host", "abi_minor", 6, 2},
    {"busbar_host", "version", 8, 8},
    {"busbar_host", "log", 16, 8},
    {"busbar_host", "fail", 24, 8},
    {"busbar_host", "field", 32, 8},
    {"busbar_host", "get", 40, 8},
    {"busbar_host", "get_original", 48, 8},
    {"busbar_host", "find", 56, 8},
    {"busbar_host", "text", 64, 8},
    {"busbar_host", "integer", 72, 8},
    {"busbar_host", "number", 80, 8},
    {"busbar_host", "set_json", 88, 8},
    {"busbar_host", "set_text", 96, 8},
    {"busbar_host", "json", 104, 8},
    {"busbar_host", "origin", 112, 8},
    {"busbar_host", "emit", 120, 8},
    {"busbar_host", "now_ms", 128, 8},
    {"busbar_host", "wall_us", 136, 8},
    {"busbar_host", "alloc", 144, 8},
    {"busbar_host", "metric", 152, 8},
    {"busbar_host", "record_metric", 160, 8},
    {"busbar_host", "get_extension", 168, 8},
    {"busbar_event_ops", nullptr, 32, 0},
    {"busbar_event_ops", "struct_size", 0, 4},
    {"busbar_event_ops", "reserved", 4, 4},
    {"busbar_event_ops", "validate", 8, 8},
    {"busbar_event_ops", "enrich", 16, 8},
    {"busbar_event_ops", "handle", 24, 8},
    {"busbar_event_type", nullptr, 80, 0},
    {"busbar_event_type", "struct_size", 0, 4},
    {"busbar_event_type", "flags", 4, 4},
    {"busbar_event_type", "name", 8, 8},
    {"busbar_event_type", "summary", 16, 8},
    {"busbar_event_type", "topic", 24, 8},
    {"busbar_event_type", "group", 32, 8},
    {"busbar_event_type", "contract", 40, 16},
    {"busbar_event_type", "ops", 56, 8},
    {"busbar_event_type", "create", 64, 8},
    {"busbar_event_type", "destroy", 72, 8},
    {"busbar_handler_ops", nullptr, 40, 0},
    {"busbar_handler_ops", "struct_size", 0, 4},
    {"busbar_handler_ops", "reserved", 4, 4},
    {"busbar_handler_ops", "open", 8, 8},
    {"busbar_handler_ops", "handle", 16, 8},
    {"busbar_handler_ops", "flush", 24, 8},
    {"busbar_handler_ops", "close", 32, 8},
    {"busbar_handler", nullptr, 56, 0},
    {"busbar_handler", "struct_size", 0, 4},
    {"busbar_handler", "capabilities", 4, 4},
    {"busbar_handler", "name", 8, 8},
    {"busbar_handler", "summary", 16, 8},
    {"busbar_handler", "config_schema", 24, 16},
    {"busbar_handler", "ops", 40, 8},
    {"busbar_handler", "storage", 48, 8},
    {"busbar_plugin_descriptor", nullptr, 72, 0},
    {"busbar_plugin_descriptor", "magic", 0, 4},
    {"busbar_plugin_descriptor", "struct_size", 4, 4},
    {"busbar_plugin_descriptor", "abi_major", 8, 2},
    {"busbar_plugin_descriptor", "abi_minor", 10, 2},
    {"busbar_plugin_descriptor", "reserved", 12, 4},
    {"busbar_plugin_descriptor", "name", 16, 8},
    {"busbar_plugin_descriptor", "version", 24, 8},
    {"busbar_plugin_descriptor", "summary", 32, 8},
    {"busbar_plugin_descriptor", "event_type_count", 40, 4},
    {"busbar_plugin_descriptor", "handler_count", 44, 4},
    {"busbar_plugin_descriptor", "event_types", 48, 8},
    {"busbar_plugin_descriptor", "handlers", 56, 8},
    {"busbar_plugin_descriptor", "get_extension", 64, 8},
    {"busbar_json_v1", nullptr, 16, 0},
    {"busbar_json_v1", "struct_size", 0, 4},
    {"busbar_json_v1", "reserved", 4, 4},
    {"busbar_json_v1", "view", 8, 8},
    {"busbar_source_v1", nullptr, 16, 0},
    {"busbar_source_v1", "struct_size", 0, 4},
    {"busbar_source_v1", "reserved", 4, 4},
    {"busbar_source_v1", "event_name", 8, 8},
    {"busbar_binding", nullptr, 112, 0},
    {"busbar_binding", "struct_size", 0, 4},
    {"busbar_binding", "reserved", 4, 4},
    {"busbar_binding", "event", 8, 16},
    {"busbar_binding", "handler", 24, 16},
    {"busbar_binding", "topic", 40, 16},
    {"busbar_binding", "group", 56, 16},
    {"busbar_binding", "contract", 72, 16},
    {"busbar_binding", "process", 88, 16},
    {"busbar_binding", "order", 104, 4},
    {"busbar_binding", "lanes", 108, 4},
    {"busbar_position", nullptr, 32, 0},
    {"busbar_position", "struct_size", 0, 4},
    {"busbar_position", "lost", 4, 4},
    {"busbar_position", "assignment", 8, 8},
    {"busbar_position", "finished_from", 16, 8},
    {"busbar_position", "finished_below", 24, 8},
    {"busbar_storage_v1", nullptr, 24, 0},
    {"busbar_storage_v1", "struct_size", 0, 4},
    {"busbar_storage_v1", "reserved", 4, 4},
    {"busbar_storage_v1", "binding", 8, 8},
    {"busbar_storage_v1", "position", 16, 8},
    {"busbar_outcome", nullptr, 64, 0},
    {"busbar_outcome", "struct_size", 0, 4},
    {"busbar_outcome", "status", 4, 4},
    {"busbar_outcome", "opaque", 8, 8},
    {"busbar_outcome", "topic", 16, 8},
    {"busbar_outcome", "partition", 24, 4},
    {"busbar_outcome", "retriable", 28, 4},
    {"busbar_outcome", "offset", 32, 8},
    {"busbar_outcome", "pointer", 40, 8},
    {"busbar_outcome", "keyword", 48, 8},
    {"busbar_outcome", "message", 56, 8},
};

static std::string name_of(const layout_entry &entry)
{
    return std::string(entry.type) + (entry.member ? std::string(".") + entry.member : "");
}

TEST(Layout, EveryMemberIsWhereItsVersionPutIt)
{
    if (sizeof(void *) != 8)
        GTEST_SKIP() << "the numbers are those of 64-bit pointers";
    size_t count = sizeof(expected) / sizeof(expected[0]);
    ASSERT_EQ(layout_count, count) << "a member is missing in layout.c or in the table";
    for (size_t i = 0; i < count; i++) {
        EXPECT_EQ(name_of(layout_measured[i]), name_of(expected[i]));
        EXPECT_EQ(layout_measured[i].at, expected[i].at) << name_of(expected[i]);
        EXPECT_EQ(layout_measured[i].size, expected[i].size) << name_of(expected[i]);
    }
}

// Members cover their struct: none is missing in layout.c, and none hides in padding.
TEST(Layout, NoMemberIsLeftOut)
{
    size_t end = 0, size = 0;
    std::string type;
    for (size_t i = 0; i <= layout_count; i++) {
        const layout_entry *entry = i < layout_count ? &layout_measured[i] : nullptr;
        if (!entry || !entry->member) {
            EXPECT_EQ(end, size) << "behind the last member of " << type;
            end = 0;
            size = entry ? entry->at : 0;
            type = entry ? entry->type : "";
            continue;
        }
        EXPECT_EQ(entry->at, end) << "a gap or a missing member before " << name_of(*entry);
        end = entry->at + entry->size;
    }
}

TEST(Layout, VersionIsTheOneOfTheTable)
{
    EXPECT_EQ(BUSBAR_ABI_MAJOR, 1u);
    EXPECT_EQ(BUSBAR_ABI_MINOR, 1u);
    EXPECT_EQ(BUSBAR_MAGIC, 0x42555342u);
}
