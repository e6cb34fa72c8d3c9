module.exports = () => __filename;
