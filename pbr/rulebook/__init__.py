"""Rule packs: one framework as typed, dated, cited data; loaded, checked, said in English, and read as of a day.

In come folders of YAML. Out come a `Pack` (`load`, `model`), the `Rules` of a day that engines and measures read
(`rules`), plain English (`words`), worked cases (`cases`) and the language's own reference (`language`). Nothing here
decides, and nothing here knows of tables or engines.
"""
