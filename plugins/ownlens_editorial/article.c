/* editorial.article: an article as the editors keep it. The contract says it all. */
#include "article.contract.h"
#include "editorial.h"

const busbar_event_type editorial_article = {
    .struct_size = sizeof(editorial_article),
    .name = "article",
    .summary = "An article was created or changed",
    .topic = "editorial-articles",
    .group = "article-consumer-group",
    .contract = article_contract,
};
