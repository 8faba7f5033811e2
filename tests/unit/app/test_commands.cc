// The tables of the commands: what help, man page and completion are made of.
#include <gtest/gtest.h>

#include <set>
#include <vector>
#include <string>

extern "C" {
#include "app/command.h"
#include "app/help.h"
}

namespace
{

TEST(Commands, EachSaysWhatItIs)
{
    std::set<std::string> names;
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        const bb_command *command = *all;
        EXPECT_TRUE(names.insert(command->name).second) << command->name;
        ASSERT_NE(command->summary, nullptr) << command->name;
        EXPECT_FALSE(g_str_has_suffix(command->summary, ".")) << command->name;
        EXPECT_NE(command->run, nullptr);
        if (command->name[0] == '_')
            continue;
        EXPECT_NE(command->description, nullptr) << command->name;
        ASSERT_NE(command->examples, nullptr) << command->name;
        EXPECT_TRUE(g_str_has_prefix(command->examples, "busbar ") ||
                    std::string(command->examples).find("| busbar ") != std::string::npos)
            << command->name;
    }
    EXPECT_GE(names.size(), 6u);
    EXPECT_NE(bb_commands_find("validate"), nullptr);
    EXPECT_EQ(bb_commands_find("nothing"), nullptr);
}

TEST(Commands, OptionsAreDescribedAndClashWithNone)
{
    for (const bb_command *const *all = bb_commands_all(); *all; all++) {
        std::set<std::string> names;
        std::set<char> letters;
        const GOptionEntry *tables[] = {bb_common_options, (*all)->options};
        for (const GOptionEntry *option : tables) {
            for (; option && option->long_name; option++) {
                EXPECT_TRUE(names.insert(option->long_name).second)
                    << (*all)->name << " --" << option->long_name;
                if (option->short_name) {
                    EXPECT_TRUE(letters.insert(option->short_name).second)
                        << (*all)->name << " -" << option->short_name;
                }
                EXPECT_NE(option->description, nullptr) << (*all)->name;
                EXPECT_EQ(option->arg == G_OPTION_ARG_NONE, option->arg_description == nullptr)
                    << (*all)->name << " --" << option->long_name;
            }
        }
    }
}

TEST(Commands, UsageErrorsExitWith2)
{
    auto run = [](std::vector<const char *> words) {
        return bb_app_main(static_cast<int>(words.size()), const_cast<char **>(words.data()));
    };
    EXPECT_EQ(run({"busbar", "nonsense"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar", "--nonsense"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar", "validate", "--nonsense"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar", "validate"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar", "help", "nonsense"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar"}), BB_EXIT_USAGE);
    EXPECT_EQ(run({"busbar", "--version"}), BB_EXIT_DONE);
    EXPECT_EQ(run({"busbar", "validate", "--help"}), BB_EXIT_DONE);
}

TEST(Help, OptionShowsBothForms)
{
    const GOptionEntry option = {"json", 'j', 0, G_OPTION_ARG_NONE, nullptr, "", nullptr};
    const GOptionEntry longer = {"set", 0, 0, G_OPTION_ARG_STRING, nullptr, "", "KEY"};
    g_autofree char *first = bb_help_option(&option);
    g_autofree char *second = bb_help_option(&longer);
    EXPECT_STREQ(first, "-j, --json");
    EXPECT_STREQ(second, "    --set=KEY");
}

} // namespace
