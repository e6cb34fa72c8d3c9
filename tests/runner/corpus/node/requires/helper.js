module.exports = { file: __filename, parent: module.parent.filename, main: require.main.filename };
