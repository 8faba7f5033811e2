# Writes a file as a C header: -DINPUT=... -DOUTPUT=... -DNAME=symbol
file(READ ${INPUT} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],0x[0-9a-f][0-9a-f],)" "\\1\n" bytes "${bytes}")
get_filename_component(source ${INPUT} NAME)
# Unsigned bytes behind a cast: the text is UTF-8 and plain char may be signed.
file(WRITE ${OUTPUT} "/* Made from ${source}; do not edit. */
#include <busbar/plugin.h>
static const unsigned char ${NAME}_text[] = {
${bytes}0x00};
#define ${NAME} {(const char *)${NAME}_text, sizeof(${NAME}_text) - 1}
")
